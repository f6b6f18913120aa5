"""Pictures that are there twice, byte for byte or to the eye; near hashes; leaks across the split."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from dyml.cli import main
from dyml.data import write_manifest
from dyml.data.duplicates import candidate_pairs, find_duplicates
from dyml.data.duplicates_sheet import write_duplicates
from dyml.data.looking import Looks, visual_hash
from dyml.data.near_hashes import near_pairs
from dyml.errors import InputError


def brute(hashes: np.ndarray, bits: int) -> list[list[int]]:
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None])
    return [[int(i), int(j), int(apart[i, j])] for i, j in np.argwhere(apart <= bits) if i < j]


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(0, 60))
def test_near_hashes_are_those_of_all_comparisons(seed: int, bits: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**63, 6, dtype=np.uint64)
    flips = [
        sum(1 << int(b) for b in rng.choice(64, rng.integers(0, 9), replace=False)) for _ in range(count)
    ]
    hashes = np.unique(centres[rng.integers(0, 6, count)] ^ np.array(flips, dtype=np.uint64))
    pairs, complete = near_pairs(hashes, bits)
    assert complete
    assert pairs.tolist() == brute(hashes, bits)


def test_many_hashes_are_compared_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dyml.data.near_hashes._ROWS", 7)
    hashes = np.unique(np.random.default_rng(0).integers(0, 2**10, 300, dtype=np.uint64))
    assert near_pairs(hashes, 2)[0].tolist() == brute(hashes, 2)
    some, complete = near_pairs(hashes, 2, most_pairs=10)
    assert (len(some), complete) == (10, False)


def photo(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).filter(ImageFilter.BoxBlur(4))


def changed(picture: Image.Image) -> dict[str, Image.Image]:
    width, height = picture.size
    return {
        "small": picture.resize((width // 2, height // 2)),
        "bright": picture.point(lambda value: min(255, round(value * 1.15))),
        "cut": picture.crop((2, 2, width - 2, height - 2)),
    }


def test_changes_that_the_eye_forgives_change_few_bits() -> None:
    for seed in range(10):
        first = visual_hash(photo(seed))
        for name, other in changed(photo(seed)).items():
            assert (first ^ visual_hash(other)).bit_count() <= 8, name
        assert (first ^ visual_hash(photo(seed + 100))).bit_count() > 12
    assert visual_hash(Image.new("RGB", (50, 50), "white")) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    rows: list[tuple[str, str, str]] = []

    def add(name: str, picture: Image.Image, fine: str, split: str) -> None:
        picture.save(root / name, quality=90)
        rows.append((name, fine, split))

    for i in range(6):
        add(f"{i}.jpg", photo(i), f"f{i // 2}", "train")
    add("leak.jpg", photo(0).resize((160, 120)), "g", "test")
    add("renamed.jpg", photo(2), "f1", "train")
    add("same.png", photo(4), "f2", "train")
    for i in range(3):
        add(f"white{i}.png", Image.new("RGB", (40 + i, 40), "white"), "g", "test")
    path, fine, split = (list(column) for column in zip(*rows))
    write_manifest({"path": path, "fine": fine, "split": split}, root / "manifest.csv")
    return root


def test_duplicates_and_leaks_are_told_apart(folder: Path) -> None:
    report = find_duplicates(folder)
    assert [group.paths for group in report.exact] == [("2.jpg", "renamed.jpg")]
    leak, other = report.near
    assert (leak.paths, leak.rows, leak.splits) == (("0.jpg", "leak.jpg"), (2, 8), ("train", "test"))
    assert leak.splits_differ
    assert leak.labels_differ
    assert leak.similarity > 0.95
    assert (other.paths, other.splits_differ, other.labels_differ) == (("4.jpg", "same.png"), False, False)
    assert report.leaks == (leak,)
    assert report.lines() == [
        "1 alike in two splits (a leak): 0.jpg = leak.jpg",
        "1 alike under two labels: 0.jpg = leak.jpg",
        "1 stored more than once: 2.jpg = renamed.jpg",
        "1 alike: 4.jpg = same.png",
    ]
    (folder / "5.jpg").write_bytes(b"broken")
    assert find_duplicates(folder).lines()[-1].startswith("1 pictures cannot be opened")
    for wrong in ({"bits": 0}, {"bits": 13}, {"similarity": 1.1}):
        with pytest.raises(InputError, match="bits must be 1 to 12"):
            find_duplicates(folder, **wrong)  # type: ignore[arg-type]


def test_a_picture_that_is_there_often_gives_few_pairs() -> None:
    exact = np.stack([np.arange(1, 1001), np.ones(1000)], axis=1).astype(np.uint64)
    pairs, complete = candidate_pairs(Looks(exact, np.full(1000, 77, np.uint64)), 4)
    assert complete
    assert pairs[:, 0].tolist() == [0] * 999
    assert sorted(pairs[:, 1].tolist()) == list(range(1, 1000))


def test_the_command_prints_json_and_a_sheet(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = folder.parent / "sheet.html"
    command = ["dyml", "data", "duplicates", str(folder), "--json", "--sheet", str(sheet)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1, "there is a leak"
    said = json.loads(capsys.readouterr().out)
    assert (said["leaks"], said["pictures"], said["complete"]) == (1, 12, True)
    page = sheet.read_text()
    assert page.count("<img") == 6
    assert page.index("leak.jpg") < page.index("renamed.jpg")
    assert "https:" not in page
    monkeypatch.setattr(
        sys, "argv", ["dyml", "data", "duplicates", str(folder), "--bits", "1", "--similarity", "1"]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "stored more than once" in capsys.readouterr().out


def test_names_are_escaped_in_the_sheet(folder: Path, tmp_path: Path) -> None:
    (folder / "2.jpg").rename(folder / "<b>2.jpg")
    table = (folder / "manifest.csv").read_text().replace("2.jpg", "<b>2.jpg")
    (folder / "manifest.csv").write_text(table)
    report = find_duplicates(folder)
    write_duplicates(report, folder, tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text()
    assert "<b>2" not in page
    assert "&lt;b&gt;2.jpg" in page
