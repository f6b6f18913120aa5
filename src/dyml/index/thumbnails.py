"""Small pictures for showing."""

import io

from PIL import Image

MOST_SIDE = 256
TINY = 64  # pictures of at most so many pixels a side are kept without loss


def thumbnail_of(picture: Image.Image, most: int = MOST_SIDE) -> bytes:
    """Return a picture as a JPEG of at most `most` pixels a side, or as a PNG where it is tiny.

    Args:
        picture: of mode RGB or L, from `dyml.data.open_image`.
        most: the longer side, in pixels.
    """
    if max(picture.size) > most:
        picture = picture.copy()
        picture.thumbnail((most, most), Image.Resampling.LANCZOS)
    coded = io.BytesIO()
    if max(picture.size) <= TINY:
        picture.save(coded, "PNG", optimize=True)
    else:
        picture.save(coded, "JPEG", quality=82, optimize=True)
    return coded.getvalue()
