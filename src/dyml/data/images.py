"""One way to open a picture: any common format becomes plain 8-bit RGB or grey, or a clear error.

Pictures come from strangers, so the size is read from the header and refused before a pixel is decoded, only
the formats listed here are tried, and a picture that is cut short is refused instead of filled with grey.
"""

import re
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image

from dyml.errors import DymlError, ImageError, InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .gif .tif .tiff .ppm .pgm .pbm .pnm".split(),  # noqa: SIM905
)
MAX_PIXELS = 64_000_000

# The shorter side that is needed, or a function that says so for an upright picture of (width, height).
MinSize = int | Callable[[int, int], int] | None
Kind = Literal["missing", "empty", "truncated", "too large", "unreadable"]

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class RefusedImage(ImageError):
    """A picture that was not opened, with what is wrong with it as `kind`."""

    def __init__(self, text: str, kind: Kind = "unreadable") -> None:
        super().__init__(text)
        self.kind: Kind = kind


def open_image(path: str | Path, channels: int = 3, min_size: MinSize = None) -> Image.Image:
    """Open a picture as 8-bit RGB or grey, upright, its first frame, transparency on white.

    16-bit grey is scaled to 8 bits, not clipped. CMYK, palette and the rest are converted.

    Args:
        path: a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file, known by its content, not by its ending.
        channels: 3 for RGB, 1 for grey.
        min_size: pixels that the shorter side is needed in. A larger JPEG may then be decoded at a half, a
            quarter or an eighth of its size, never below `min_size`; None decodes every pixel. A function is
            given a JPEG's width and height, upright, from its header, and returns the number; it is not
            called for other formats.

    Returns:
        A picture of mode "RGB" or "L", independent of the file.

    Raises:
        RefusedImage: an `ImageError` that names the file: it is missing, empty, cut short, damaged, of
            another format, or has more than `MAX_PIXELS` pixels.
    """
    path = Path(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RefusedImage(f"{path}: is not a file. Give the path of a picture.")
        if status.st_size == 0:
            raise RefusedImage(f"{path}: is empty (0 bytes). Fetch it again, or remove its row.", "empty")
        with path.open("rb") as stream:
            return decode_image(stream, str(path), channels, min_size)
    except DymlError:
        raise
    except FileNotFoundError as error:
        raise RefusedImage(
            f"{path}: no such file. Correct the path, or remove its row.", "missing"
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RefusedImage(f"{path}: cannot be opened: {reason}. Correct the path or its rights.") from error


def enough_pixels(size: int) -> int:
    """Return the `min_size` to open a picture with that is then brought to `size`.

    Twice the size keeps the values close to those of a whole decoding. Training, validation and judging all
    open pictures so, and see the same pixels.
    """
    return 2 * size


def decode_image(stream: BinaryIO, name: str, channels: int = 3, min_size: MinSize = None) -> Image.Image:
    """Decode a picture from an open binary stream; `name` stands for it in messages.

    The same as `open_image` otherwise.
    """
    if channels not in (1, 3):
        raise InputError(f"channels must be 3 (RGB) or 1 (grey); got {channels}")
    if isinstance(min_size, int) and min_size < 1:
        raise InputError(f"min_size must be 1 pixel or more; got {min_size}")
    with _pillow_warnings_silenced():
        try:
            with Image.open(stream, formats=FORMATS) as image:
                _refuse_large(image.width, image.height, name)
                if callable(min_size):
                    whole = image.format != "JPEG"  # the others cannot be decoded smaller
                    turned = not whole and _orientation(image) > 4
                    min_size = None if whole else min_size(*(image.size[::-1] if turned else image.size))
                if min_size is not None:
                    image.draft(None, (min_size, min_size))
                image.load()
                # After load, since a TIFF is turned by Pillow itself then.
                turn = _TURNS.get(_orientation(image))
                plain = _flattened(image, "RGB" if channels == 3 else "L", name)
            return plain if turn is None else plain.transpose(turn)
        except (ImageError, MemoryError):
            raise
        except Image.UnidentifiedImageError as error:
            raise RefusedImage(
                f"{name}: is none of {', '.join(FORMATS)}, or is cut short in its header. Convert it or "
                f"fetch it again, or remove its row."
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_large(name, re.search(r"\d+", str(error))) from error
        # Pillow's decoders raise nearly anything on damaged bytes (SyntaxError, struct.error, IndexError, …).
        except Exception as error:
            raise _damaged(stream, name, error) from error


def _flattened(image: Image.Image, mode: str, name: str) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        values = np.asarray(image).astype(np.float32)
        return Image.fromarray(np.rint(values / 257).astype(np.uint8)).convert(mode)
    if image.mode in ("I", "F"):
        raise RefusedImage(
            f"{name}: has 32-bit pixels (mode {image.mode}), whose range is not known. "
            f"Save it with 8 or 16 bits."
        )
    if image.has_transparency_data:
        colour = image.convert("RGBA")
        white = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(white, colour).convert(mode)
    return image.convert(mode)


def _orientation(image: Image.Image) -> int:
    # Damaged EXIF is common and harmless: the pixels are good, so the picture is taken as upright.
    with suppress(Exception):
        return int(image.getexif().get(_ORIENTATION, 1))
    return 1


def _refuse_large(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise RefusedImage(
            f"{name}: its header says {width:,} x {height:,} pixels; at most "
            f"{MAX_PIXELS // 10**6} million are opened. Make it smaller, or remove its row.",
            "too large",
        )


def _too_large(name: str, number: re.Match[str] | None) -> RefusedImage:
    pixels = f"{int(number.group()):,}" if number else "far too many"
    return RefusedImage(
        f"{name}: its header says {pixels} pixels; at most {MAX_PIXELS // 10**6} million are opened. Make it "
        f"smaller, or remove its row.",
        "too large",
    )


def _damaged(stream: BinaryIO, name: str, error: Exception) -> RefusedImage:
    reason = str(error) or type(error).__name__
    if "truncated" in reason.lower() or _webp_cut_short(stream):
        return RefusedImage(
            f"{name}: is cut short ({reason}). Fetch it again, or remove its row.", "truncated"
        )
    return RefusedImage(f"{name}: is damaged ({reason}). Fetch it again, or remove its row.")


def _webp_cut_short(stream: BinaryIO) -> bool:
    # WebP's decoder does not say so itself; the first twelve bytes hold the length that the file should have.
    stream.seek(0)
    head = stream.read(12)
    should = int.from_bytes(head[4:8], "little") + 8
    return head[:4] == b"RIFF" and head[8:] == b"WEBP" and stream.seek(0, 2) < should


_silencer: tuple[str, None, type[Warning], re.Pattern[str], int] = (
    "ignore",
    None,
    Warning,
    re.compile("PIL"),
    0,
)
_silencer_lock = Lock()
_silencer_users = 0


@contextmanager
def _pillow_warnings_silenced() -> Iterator[None]:
    """Ignore Pillow's own warnings while any thread is inside.

    `warnings.catch_warnings` restores the filters of whoever entered last, so threads that overlap would
    leave the wrong ones behind; and it makes every 'once' warning of the process come again. One entry
    that is counted, put in front and taken out again does neither.
    """
    global _silencer_users
    filters: list[object] = warnings.filters  # type: ignore[assignment]
    with _silencer_lock:
        _silencer_users += 1
        if _silencer not in filters:
            filters.insert(0, _silencer)
    try:
        yield
    finally:
        with _silencer_lock:
            _silencer_users -= 1
            if _silencer_users == 0:
                with suppress(ValueError):
                    warnings.filters.remove(_silencer)  # type: ignore[attr-defined]
