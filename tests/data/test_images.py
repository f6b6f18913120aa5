"""Opening pictures: every kind that comes in the wild, and every kind that is refused."""

import io
import os
import pickle
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data import open_image
from dyml.data.images import ENDINGS, MAX_PIXELS, RefusedImage
from dyml.errors import ImageError, InputError

RNG = np.random.default_rng(0)
COLOURS = Image.fromarray(RNG.integers(0, 256, (24, 36, 3), dtype=np.uint8))
WHITE = [255, 255, 255]


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return folder / name


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image)


def refusal(path: Path) -> RefusedImage:
    with pytest.raises(ImageError) as caught:
        open_image(path)
    assert isinstance(caught.value, RefusedImage)
    assert str(path) in str(caught.value)
    return caught.value


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "lossless.webp"])
def test_lossless_formats_keep_every_pixel(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    image = open_image(saved(tmp_path, COLOURS, name, **options))
    assert image.mode == "RGB"
    assert type(image) is Image.Image, "independent of the file"
    assert (pixels(image) == pixels(COLOURS)).all()


def test_the_content_decides_not_the_ending(tmp_path: Path) -> None:
    path = saved(tmp_path, COLOURS, "a.png")
    path.rename(tmp_path / "a.jpg")
    assert (pixels(open_image(tmp_path / "a.jpg")) == pixels(COLOURS)).all()


def test_one_channel_is_grey(tmp_path: Path) -> None:
    image = open_image(saved(tmp_path, COLOURS, "a.png"), channels=1)
    assert image.mode == "L"
    assert (pixels(image) == pixels(COLOURS.convert("L"))).all()
    with pytest.raises(InputError, match="channels must be 3"):
        open_image(tmp_path / "a.png", channels=4)
    with pytest.raises(InputError, match="min_size must be 1 pixel or more; got 0"):
        open_image(tmp_path / "a.png", min_size=0)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    image = open_image(saved(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "a.jpg"))
    red, green, blue = pixels(image)[0, 0].astype(int)
    assert image.mode == "RGB"
    assert red > 240
    assert max(green, blue) < 15


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.array([[0, 257, 32768, 65535]], dtype=np.uint16)
    for name in ("a.png", "a.tif", "a.pgm"):
        image = open_image(saved(tmp_path, Image.fromarray(values), name), channels=1)
        assert pixels(image).tolist() == [[0, 1, 128, 255]], name
    assert pixels(open_image(tmp_path / "a.png")).tolist() == [[[v, v, v] for v in (0, 1, 128, 255)]]


def test_sixteen_bits_of_another_byte_order_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.frombytes("I;16B", (2, 1), struct.pack(">HH", 257, 65535)).save(path)
    assert pixels(open_image(path, channels=1)).tolist() == [[1, 255]]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bits_have_no_known_range(tmp_path: Path, mode: str) -> None:
    error = refusal(saved(tmp_path, Image.new(mode, (4, 4)), "a.tif"))
    assert "has 32-bit pixels" in str(error)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    rgba = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    rgba.putpixel((1, 0), (0, 0, 0, 0))
    for name in ("rgba.png", "rgba.webp"):
        options = {"lossless": True} if name.endswith("webp") else {}
        assert pixels(open_image(saved(tmp_path, rgba, name, **options))).tolist() == [[[255, 0, 0], WHITE]]
    half = Image.new("LA", (1, 1), (0, 128))
    assert pixels(open_image(saved(tmp_path, half, "la.png"), channels=1)).tolist() == [[127]]


def test_palettes_with_and_without_transparency(tmp_path: Path) -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for x in range(3):
        palette.putpixel((x, 0), x)
    plain = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert pixels(open_image(saved(tmp_path, palette, "p.png"))).tolist() == [plain]
    holed = [[255, 0, 0], WHITE, [0, 0, 255]]
    assert pixels(open_image(saved(tmp_path, palette, "t.png", transparency=1))).tolist() == [holed]
    assert pixels(open_image(saved(tmp_path, palette, "t.gif", transparency=1))).tolist() == [holed]
    some = open_image(saved(tmp_path, palette, "b.png", transparency=b"\xff\x00\xff"))
    assert pixels(some).tolist() == [holed]


def test_one_bit_and_a_transparent_colour(tmp_path: Path) -> None:
    bits = Image.new("1", (2, 1))
    bits.putpixel((1, 0), 1)
    assert pixels(open_image(saved(tmp_path, bits, "1.png"), channels=1)).tolist() == [[0, 255]]
    keyed = saved(tmp_path, Image.new("RGB", (1, 1), (1, 2, 3)), "k.png", transparency=(1, 2, 3))
    assert pixels(open_image(keyed)).tolist() == [[WHITE]]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_animations_give_their_first_frame(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    red, green, blue = pixels(open_image(path))[4, 4].astype(int)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path: Path, orientation: int, name: str) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, COLOURS, name, exif=exif)
    with Image.open(path) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    assert (pixels(open_image(path)) == pixels(expected)).all()


def test_damaged_exif_harms_nothing(tmp_path: Path) -> None:
    path = saved(tmp_path, COLOURS, "a.png", exif=b"Exif\0\0MM\0\x2a\0\0\0\x08\xff\xff broken")
    assert open_image(path).size == COLOURS.size


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (12_000, 10_000), (MAX_PIXELS + 1, 1)])
def test_bombs_are_refused_from_the_header(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_claims(width, height))
    error = refusal(path)
    assert error.kind == "too large"
    assert "its header says" in str(error)
    assert "at most 64 million are opened. Make it smaller, or remove its row." in str(error)


def test_the_largest_allowed_size_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png_that_claims(MAX_PIXELS // 1000, 1000))
    assert refusal(path).kind == "truncated", "its size is allowed; its pixels are not there"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.bmp", "a.tif", "a.ppm", "a.webp"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_pictures_that_are_cut_short_are_refused(tmp_path: Path, name: str, share: float) -> None:
    path = saved(tmp_path, COLOURS, name)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    error = refusal(path)
    assert error.kind == "truncated"
    assert "is cut short" in str(error)


def test_damage_inside_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, COLOURS, "a.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20] = b"\xff" * 20
    path.write_bytes(data)
    error = refusal(path)
    assert error.kind == "unreadable"
    assert "is damaged" in str(error)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("<html>404</html>")
    assert "is none of JPEG, PNG" in str(refusal(path))
    path.write_bytes(b"")
    assert refusal(path).kind == "empty"
    assert refusal(tmp_path / "gone.jpg").kind == "missing"
    assert "is not a file" in str(refusal(tmp_path))
    assert "null byte" in str(refusal(tmp_path / "a\0b"))
    assert "Not a directory" in str(refusal(path / "b.jpg"))


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert "is not a file" in str(refusal(tmp_path / "a.png"))


def test_formats_that_are_not_listed_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, COLOURS, "a.tga")
    assert "is none of" in str(refusal(path))
    assert ".tga" not in ENDINGS


def test_errors_keep_their_kind_through_a_worker(tmp_path: Path) -> None:
    copy = pickle.loads(pickle.dumps(refusal(tmp_path / "gone.jpg")))
    assert (copy.kind, "no such file" in str(copy)) == ("missing", True)
    assert RefusedImage("text").kind == "unreadable", "made from its text alone, as a data loader does"


def test_pillow_stays_quiet_and_the_filters_are_left_as_they_were(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_that_claims(10_000, 10_000))
    broken = saved(tmp_path, COLOURS, "b.jpg", exif=b"Exif\0\0II\x2a\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 20)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        refusal(bomb)
        open_image(broken)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(open_image, [broken] * 40))
        assert warnings.filters == before
        with Image.open(bomb):
            pass
    assert [warning.category for warning in seen] == [Image.DecompressionBombWarning], "only our own test's"


@pytest.mark.parametrize(
    ("min_size", "size"),
    [
        (None, (1200, 900)),
        (451, (1200, 900)),
        (450, (600, 450)),
        (113, (300, 225)),
        (112, (150, 113)),
        (1, (150, 113)),
    ],
)
def test_large_jpegs_are_decoded_no_smaller_than_needed(
    tmp_path: Path, min_size: int | None, size: tuple[int, int]
) -> None:
    path = saved(tmp_path, Image.new("RGB", (1200, 900), "teal"), "a.jpg")
    assert open_image(path, min_size=min_size).size == size


def test_reduced_jpegs_are_turned_and_converted_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, Image.new("CMYK", (400, 200), (0, 255, 255, 0)), "a.jpg", exif=exif)
    image = open_image(path, channels=1, min_size=100)
    assert (image.mode, image.size) == ("L", (100, 200))


def test_a_stream_is_left_to_its_owner() -> None:
    from dyml.data.images import decode_image

    buffer = io.BytesIO()
    COLOURS.save(buffer, "PNG")
    assert (pixels(decode_image(buffer, "upload")) == pixels(COLOURS)).all()
    with pytest.raises(RefusedImage, match="upload: is none of"):
        decode_image(io.BytesIO(b"nothing"), "upload")
