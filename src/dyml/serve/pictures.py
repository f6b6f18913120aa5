"""Uploaded pictures: from bytes of strangers to tensors, and to thumbnails."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image
from torch import Tensor

from dyml.data.augment import eval_transform
from dyml.data.images import FORMATS, RefusedImage, decode_image, enough_pixels
from dyml.models.embedding import EmbedsPictures
from dyml.serve.problems import Problem

THUMBNAIL = 256
SERVED = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)


@dataclass(frozen=True)
class Reader:
    """Turns uploads into what the embedder takes.

    Attributes:
        channels: 1 or 3.
        min_size: pixels that a large JPEG is decoded to at least.
        transform: from a picture to a tensor.
        pixels: the most that a header may say.
    """

    channels: int
    min_size: int
    transform: Callable[[Any], Tensor]
    pixels: int

    @classmethod
    def of(cls, embedder: EmbedsPictures, pixels: int) -> "Reader":
        """Return the reader that an embedder needs."""
        transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
        return cls(embedder.channels, enough_pixels(embedder.resize), transform, pixels)

    def tensor(self, data: bytes, field: str) -> Tensor:
        """Decode an upload into (C, H, W).

        Raises:
            Problem: it is no picture, is damaged, or too large.
        """
        return self.transform(self._open(data, field, self.channels, self.min_size))

    def thumbnail(self, data: bytes, field: str) -> bytes:
        """Return a small JPEG of a picture.

        Raises:
            Problem: as for `tensor`.
        """
        picture = self._open(data, field, 3, THUMBNAIL)
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        return jpeg(picture)

    def whole(self, data: bytes, field: str) -> bytes:
        """Return a picture as a JPEG of its full size, for browsers that do not show its format."""
        return jpeg(self._open(data, field, 3, None))

    def _open(self, data: bytes, field: str, channels: int, min_size: int | None) -> Image.Image:
        if not data:
            raise Problem(422, "empty-picture", f"{field}: is empty (0 bytes).")
        try:
            check_header(data, self.pixels, field)
            return decode_image(BytesIO(data), field, channels, min_size)
        except RefusedImage as error:
            raise _refused(error, field, self.pixels) from error


def check_header(data: bytes, pixels: int, field: str) -> None:
    """Read the size from a picture's header and refuse a large one before a pixel is decoded.

    Raises:
        Problem: it has more pixels.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            size = image.width * image.height
    except Image.DecompressionBombError:
        size = pixels + 1
    except Exception:  # what is wrong with it, the decoder says
        return
    if size > pixels:
        raise _too_large(field, pixels)


def media_type(data: bytes) -> str | None:
    """Return the type of a picture that browsers show, by its first bytes; None for any other bytes."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return SERVED[name]
    return SERVED["WEBP"] if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def jpeg(picture: Image.Image, quality: int = 88) -> bytes:
    """Return a picture as JPEG."""
    stream = BytesIO()
    picture.convert("RGB").save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _refused(error: RefusedImage, field: str, pixels: int) -> Problem:
    if error.kind == "too large":
        return _too_large(field, pixels)
    if isinstance(error.__cause__, Image.UnidentifiedImageError):
        return Problem(415, "not-a-picture", f"{field}: is none of {', '.join(FORMATS)}, or is cut short.")
    if error.kind == "truncated":
        return Problem(422, "truncated-picture", f"{field}: is cut short. Send all of it.")
    return Problem(422, "damaged-picture", f"{field}: cannot be decoded; it is damaged or of an odd kind.")


def _too_large(field: str, pixels: int) -> Problem:
    return Problem(
        413, "too-many-pixels", f"{field}: has more than {pixels:,} pixels, the most that is taken."
    )
