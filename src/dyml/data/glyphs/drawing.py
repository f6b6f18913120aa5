"""Characters drawn in the fonts that ship inside matplotlib.

Every face is drawn at one common scale, its baseline at one common height, so that o and O, or a full stop
and a middle dot, stay apart; only what would leave the picture is moved or shrunk.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

Pictures = NDArray[np.uint8]

# Faces whose character maps are Unicode. Left out: cm*.ttf (private encodings), STIXNonUni* (private use
# area), STIXSiz* (enlarged brackets), the Display faces and the last-resort font (boxes).
FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
)
EM = 0.75  # the em square's share of the picture's side: room for accents above and descenders below
BASELINE = 0.75  # the baseline's distance from the top, as a share of the side
MARGIN = 1 / 32  # kept free on every edge, as a share of the side


def face_path(face: str) -> Path:
    """Return the font file of a face."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{face}.ttf"


def face_characters(face: str) -> frozenset[int]:
    """Return the code points that a face has."""
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(face_path(face))).get_charmap())


def draw_face(face: str, codes: Iterable[int], size: int) -> Mapping[int, Pictures]:
    """Draw characters in one face.

    Args:
        face: one of `FACES`.
        codes: code points that the face has.
        size: side of the pictures in pixels.

    Returns:
        For each code point that leaves ink, a (size, size) uint8 picture, white on black.
    """
    font = ImageFont.truetype(str(face_path(face)), EM * size, layout_engine=ImageFont.Layout.BASIC)
    pictures = {code: _draw(font, chr(code), size) for code in codes}
    return {code: picture for code, picture in pictures.items() if picture is not None}


def _draw(font: ImageFont.FreeTypeFont, character: str, size: int) -> Pictures | None:
    left, top, right, bottom = font.getbbox(character, anchor="ls")
    width, height = int(right - left), int(bottom - top)
    if width <= 0 or height <= 0:
        return None
    ink = Image.new("L", (width, height))
    ink.im.paste(255, (0, 0, width, height), font.getmask(character, anchor="ls"))
    margin = max(1, round(MARGIN * size))
    room = size - 2 * margin
    if width > room or height > room:
        shrink = room / max(width, height)
        ink = ink.resize(
            (max(1, round(width * shrink)), max(1, round(height * shrink))), Image.Resampling.BOX
        )
        top = round(top * shrink)
    y = min(max(round(BASELINE * size) + int(top), margin), size - margin - ink.height)
    picture = np.zeros((size, size), np.uint8)
    x = (size - ink.width) // 2
    picture[y : y + ink.height, x : x + ink.width] = np.asarray(ink)
    return picture if picture.any() else None
