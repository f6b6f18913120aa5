"""Spoiled data through the real commands: one line that names the place and the mend, and no traceback."""

import csv
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import dyml

TINY = ["--data.size", "16", "--model.backbone_args.width", "4", "--sampler.batch_size", "4"]
TINY += ["--sampler.per_class", "2", "--train.epochs", "1", "--train.threads", "1"]
Rows = list[dict[str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two coarse, four middle, eight fine classes of two pictures; half of the fine classes are the test."""
    rng = np.random.default_rng(0)
    root, rows = tmp_path / "data", []
    root.mkdir()
    for i in range(16):
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(root / f"{i}.jpg")
        fine = i // 2
        split = "test" if fine % 2 else "train"
        rows.append((f"{i}.jpg", f"c{fine // 4}", f"m{fine // 2}", f"f{fine}", split))
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "coarse", "middle", "fine", "split"), *rows])
    return root


def spoil_rows(data: Path, change: Callable[[Rows], object], encoding: str = "utf-8") -> None:
    with (data / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    change(rows)
    with (data / "manifest.csv").open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def png_of_many_pixels() -> bytes:
    """A PNG whose header says 100,000 × 100,000 pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (lambda rows: [row.pop("path") for row in rows], ["no column 'path'", "Name the column"]),
        (lambda rows: rows[3].update(path="2.jpg"), ["'2.jpg' in rows 4, 5", "Keep one row"]),
        (lambda rows: rows[5].update(split=""), ["row 7: split is blank", "Fill it in"]),
        (lambda rows: rows[0].update(middle="m3"), ["fine 'f0' lies in", "rows 2, 3"]),
        (lambda rows: rows[7].update(middle=""), ["row 9: middle is blank", "Fill it in"]),
        (lambda rows: rows[7].update(middle=" m1"), ["row 9: blanks around middle", "Remove the blanks"]),
        (lambda rows: rows[2].update(path="../2.jpg"), ["row 4", "leaves the manifest's folder"]),
        (lambda rows: rows[2].update(path="/etc/passwd"), ["row 4", "is absolute"]),
    ],
)
def test_a_spoiled_manifest_is_refused_by_every_command(
    data: Path, change: Callable[[Rows], object], texts: list[str]
) -> None:
    spoil_rows(data, change)
    run = data.parent / "run"
    for words in (["data", "check", data], ["train", "--data.root", data, "--run", run, *TINY]):
        code, out, err = dyml(*words)
        assert (code, out) == (2, "")
        assert err.startswith(f"Error: {data / 'manifest.csv'}: ")
        assert err.count("\n") == 1
        assert all(text in err for text in texts), err
    assert not run.exists()


def test_labels_that_are_not_utf8(data: Path) -> None:
    spoil_rows(data, lambda rows: rows[7].update(fine="ß"), encoding="latin-1")
    code, _, err = dyml("data", "split", data, "--force")
    assert code == 2
    assert "row 9 is not UTF-8 (byte 0xdf)" in err
    assert "iconv" in err


def test_a_split_without_rows(data: Path) -> None:
    spoil_rows(data, lambda rows: [row.update(split="train") for row in rows])
    code, _, err = dyml("train", "--data.root", data, "--run", data.parent / "run", *TINY)
    assert code == 2
    assert "no rows of split 'test'; its splits are train" in err
    assert f"`dyml data split {data} --force`" in err


@pytest.mark.parametrize(
    ("content", "text", "kind"),
    [
        (b"no picture", "is none of JPEG", "unreadable"),
        (b"", "is empty (0 bytes)", "empty"),
        (png_of_many_pixels(), "10,000,000,000 pixels", "too large"),
        (None, "is cut short", "truncated"),
    ],
)
@pytest.mark.parametrize("picture", ["0.jpg", "2.jpg"])
def test_a_bad_picture_is_found_before_training(
    data: Path, content: bytes | None, text: str, kind: str, picture: str
) -> None:
    path, run = data / picture, data.parent / "run"
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    code, out, _ = dyml("data", "check", data)
    assert code == 1
    assert f"- 1 picture {kind}: {picture}" in out
    assert text in out
    code, out, err = dyml("train", "--data.root", data, "--run", run, *TINY)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert f"{path}: " in err
    assert text in err
    assert err.endswith(f"When that is mended, `dyml train --resume {run}` goes on.\n")
    assert not (run / "last.ckpt").exists()


def test_odd_but_sound_pictures_and_paths_train_and_are_judged(data: Path) -> None:
    """CMYK, palette, 16 bits, animated, blanks and Unicode in paths, a class with one picture."""
    Image.open(data / "0.jpg").convert("CMYK").save(data / "0.jpg")
    Image.open(data / "1.jpg").convert("P").save(data / "1.jpg", "png")
    deep = np.arange(400, dtype=np.uint16).reshape(20, 20) * 160
    Image.fromarray(deep).save(data / "2.jpg", "png")
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(data / "3.jpg", "gif", save_all=True, append_images=frames[1:])
    (data / "4.jpg").rename(data / "vier ü 四.jpg")

    def change(rows: Rows) -> None:
        rows[4]["path"] = "vier ü 四.jpg"
        rows.pop(8)

    spoil_rows(data, change)
    code, out, _ = dyml("data", "check", data)
    assert code == 1
    assert "1 class with a single picture, which can never be retrieved: f4" in out
    assert dyml("data", "check", data, "--allow-single")[0] == 0
    code, out, err = dyml("train", "--data.root", data, "--run", data.parent / "run", *TINY)
    assert code == 0, err
    assert "overall" in out
