"""The check of pictures, labels and split."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data import write_manifest
from dyml.data.check import CheckReport, check_manifest, lookalikes
from dyml.errors import ManifestError

Row = tuple[str, str, str, str]
GOOD: list[Row] = [
    ("a1.png", "a", "k", "train"),
    ("a2.png", "a", "k", "train"),
    ("b1.png", "b", "k", "test"),
    ("b2.png", "b", "k", "test"),
]


def data_set(folder: Path, rows: list[Row], drawn: bool = True) -> Path:
    """A manifest folder with a different picture for every row."""
    rng = np.random.default_rng(0)
    for path, *_ in rows:
        if drawn:
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / path)
    path, fine, coarse, split = (list(column) for column in zip(*rows))
    write_manifest({"path": path, "coarse": coarse, "fine": fine, "split": split}, folder / "manifest.csv")
    return folder


def report_of(folder: Path, rows: list[Row]) -> CheckReport:
    return check_manifest(data_set(folder, rows))


def test_a_good_data_set_has_no_problems(tmp_path: Path) -> None:
    report = report_of(tmp_path, GOOD)
    assert report.problems() == []
    assert report.open_set is True
    assert (report.pictures, report.scales, report.splits) == (4, ("fine", "coarse"), ("train", "test"))
    assert report.manifest == str(tmp_path / "manifest.csv")


def test_bad_pictures_are_told_apart(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [*GOOD, *((f"{i}.png", "c", "k", "test") for i in range(5))])
    (folder / "0.png").unlink()
    (folder / "1.png").write_bytes(b"")
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:300])
    (folder / "3.png").write_text("no picture")
    Image.new("1", (9000, 9000)).save(folder / "4.png")
    report = check_manifest(folder)
    assert [(bad.row, bad.path, bad.kind) for bad in report.bad] == [
        (6, "0.png", "missing"),
        (7, "1.png", "empty"),
        (8, "2.png", "truncated"),
        (9, "3.png", "unreadable"),
        (10, "4.png", "too large"),
    ]
    assert report.problems() == [
        "1 picture missing: 0.png",
        "1 picture empty: 1.png",
        "1 picture truncated: 2.png",
        "1 picture too large: 4.png",
        "1 picture unreadable: 3.png",
    ]
    assert all(str(folder / bad.path) in bad.reason for bad in report.bad)


def test_empty_and_missing_pictures_are_no_duplicates(tmp_path: Path) -> None:
    folder = data_set(tmp_path, GOOD)
    for name in ("a1.png", "a2.png"):
        (folder / name).write_bytes(b"")
    for name in ("b1.png", "b2.png"):
        (folder / name).unlink()
    assert check_manifest(folder).duplicates == ()


def test_damaged_pictures_are_duplicates_too(tmp_path: Path) -> None:
    folder = data_set(tmp_path, GOOD)
    for name in ("a1.png", "b1.png"):
        (folder / name).write_text("the same page")
    assert [group.paths for group in check_manifest(folder).leaks] == [("a1.png", "b1.png")]


@pytest.mark.parametrize(
    ("copy", "labels_differ", "splits_differ", "problem"),
    [
        (("a3.png", "a", "k", "train"), False, False, "1 picture stored more than once: a1.png = a3.png"),
        (("a3.png", "a", "k", "test"), False, True, "1 picture in two splits (a leak): a1.png = a3.png"),
        (
            ("a3.png", "c", "k", "train"),
            True,
            False,
            "1 picture mislabelled, the same under two labels: a1.png = a3.png",
        ),
    ],
)
def test_identical_pictures_are_found(
    tmp_path: Path, copy: Row, labels_differ: bool, splits_differ: bool, problem: str
) -> None:
    folder = data_set(tmp_path, [*GOOD, copy])
    shutil.copy(folder / "a1.png", folder / "a3.png")
    report = check_manifest(folder)
    (group,) = report.duplicates
    assert (group.rows, group.paths) == ((2, 6), ("a1.png", "a3.png"))
    assert (group.labels_differ, group.splits_differ) == (labels_differ, splits_differ)
    assert problem in report.problems(allow_single=True)


def test_a_picture_may_be_both_mislabelled_and_leaked(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [*GOOD])
    shutil.copy(folder / "a1.png", folder / "b1.png")
    report = check_manifest(folder)
    assert len(report.mislabelled) == len(report.leaks) == 1
    assert len(report.problems()) == 2


def test_classes_with_one_picture_are_reported_unless_allowed(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*GOOD, ("c.png", "only", "k", "test")])
    assert report.single == ("only",)
    (problem,) = report.problems()
    assert "1 class with a single picture, which can never be retrieved: only" in problem
    assert report.problems(allow_single=True) == []


def test_a_closed_split_lists_the_classes_on_both_sides(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*GOOD, ("b3.png", "b", "k", "train")])
    assert (report.open_set, report.shared) == (False, ("b",))
    assert "the split is not open-set: 1 fine class in train and in another split: b." in report.problems()[0]


def test_query_and_gallery_may_share_classes(tmp_path: Path) -> None:
    rows = [("a.png", "a", "k", "train"), ("a2.png", "a", "k", "train")]
    rows += [("b.png", "b", "k", "query"), ("b2.png", "b", "k", "gallery")]
    report = report_of(tmp_path, rows)
    assert (report.open_set, report.problems()) == (True, [])


@pytest.mark.parametrize("split", ["train", "test"])
def test_one_split_alone_is_neither_open_nor_closed(tmp_path: Path, split: str) -> None:
    report = report_of(tmp_path, [(path, fine, coarse, split) for path, fine, coarse, _ in GOOD])
    assert (report.open_set, report.problems()) == (None, [])


def test_classes_are_counted_per_split_and_scale(tmp_path: Path) -> None:
    report = report_of(tmp_path, [*GOOD, ("c1.png", "c", "j", "test"), ("b3.png", "b", "k", "test")])
    counts = {(count.split, count.scale): count for count in report.counts}
    assert list(counts) == [(s, m) for s in ("all", "train", "test") for m in ("fine", "coarse")]
    fine = counts["all", "fine"]
    assert (fine.classes, fine.pictures, fine.least, fine.median, fine.most) == (3, 6, 1, 2.0, 3)
    coarse = counts["test", "coarse"]
    assert (coarse.classes, coarse.pictures, coarse.least, coarse.median, coarse.most) == (2, 4, 1, 2.0, 3)
    assert counts["train", "coarse"].classes == 1


def test_names_that_look_alike_are_shown(tmp_path: Path) -> None:
    rows = [
        ("1.png", "Red apple", "k", "train"),
        ("2.png", "red_Apple", "k", "train"),
        ("3.png", "x", "j", "train"),
    ]
    assert report_of(tmp_path, rows).lookalikes == (("Red apple", "red_Apple"),)
    assert lookalikes(["é", "e\u0301", "e"]) == [("é", "e\u0301")]


def test_the_report_is_plain_json(tmp_path: Path) -> None:
    folder = data_set(tmp_path, [*GOOD, ("gone.png", "a", "k", "train"), ("s.png", "s", "k", "test")])
    (folder / "gone.png").unlink()
    report = check_manifest(folder)
    value = json.loads(json.dumps(report.to_dict()))
    assert value["bad"][0]["kind"] == "missing"
    assert value["problems"] == report.problems()
    assert len(report.to_dict(allow_single=True)["problems"]) == len(value["problems"]) - 1


def test_progress_and_workers(tmp_path: Path) -> None:
    rows = [(f"{i}.png", f"c{i % 7}", "k", "train") for i in range(100)]
    folder = data_set(tmp_path, rows)
    seen: list[tuple[int, int]] = []
    one = check_manifest(folder, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(32, 100), (64, 100), (96, 100), (100, 100)]
    assert one == check_manifest(folder, workers=3)


def test_the_root_may_be_elsewhere(tmp_path: Path) -> None:
    folder = data_set(tmp_path, GOOD)
    (tmp_path / "other").mkdir()
    shutil.move(folder / "manifest.csv", tmp_path / "other")
    assert len(check_manifest(tmp_path / "other").bad) == 4
    assert check_manifest(tmp_path / "other", root=tmp_path).problems() == []


def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="has no manifest"):
        check_manifest(tmp_path)
