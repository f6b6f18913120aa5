"""Recognising the official sets, holding them against the published sizes, and listing what they lack."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data.official import ReleaseCheck, check_release, read_release, same_files
from dyml.data.official.layout import recognise
from dyml.data.official.nesting import class_names, torn_classes
from dyml.data.official.sizes import PUBLISHED
from dyml.errors import ManifestError
from dyml.taxonomy import check_nesting
from official_sets import GALLERY, LABEL_HEADER, QUERIES, SCALES, TRAIN, glued, make_set, published_miniatures

Maker = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    for name in ("vehicle", "animal", "product"):
        make_set(folder / f"dyml_{name}", name)
    return folder


@pytest.fixture
def fresh(made: Path, tmp_path: Path) -> Maker:
    """Give a copy of a set that a test may spoil."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(made / f"dyml_{name}", tmp_path / f"dyml_{name}"))

    return copy


def checked(root: Path, name: str | None = None) -> ReleaseCheck:
    return check_release(read_release(root, name), published_miniatures())


@pytest.mark.parametrize("name", ["vehicle", "animal", "product"])
def test_each_set_is_recognised_and_whole(made: Path, name: str) -> None:
    report = checked(made / f"dyml_{name}")
    assert report.name == name
    assert report.problems() == []
    counts = {(count.part, count.what): count.count for count in report.counts}
    assert counts["train", "pictures"] == TRAIN
    assert counts["train", "fine classes"] == 12
    if name == "product":
        assert counts["mini-bmk_all_in_one", "pictures"] == 36
        assert len(report.glued) == 2
    else:
        assert counts["bmk_middle query", "pictures"] == QUERIES
        assert counts["bmk_coarse gallery", "pictures"] == GALLERY
        assert counts["bmk_coarse gallery", "coarse classes"] == 2
        assert ("bmk_coarse gallery", "fine classes") not in counts
        assert len(report.glued) == 7
    assert report.unended == ()
    assert "the first record is glued to the header" in report.notes()[0]


def test_an_unnamed_folder_is_told_by_its_number_of_classes(made: Path) -> None:
    root = made / "plain"
    (root / "bmk_fine").mkdir(parents=True)
    assert recognise(root, 495) == "animal"
    assert recognise(root, 36_301) == "vehicle"
    assert recognise(made / "dyml_vehicle", 495) == "vehicle"
    with pytest.raises(ManifestError, match=r"training table cannot be read. Name it: --set vehicle or"):
        recognise(root, None)


def test_product_is_known_by_its_benchmark_whatever_its_name(fresh: Maker) -> None:
    root = fresh("product")
    assert read_release(root.rename(root.with_name("dyml_animal"))).name == "product"


def test_a_set_without_benchmark_needs_a_name(fresh: Maker, tmp_path: Path) -> None:
    root = fresh("animal")
    for scale in SCALES:
        shutil.rmtree(root / f"bmk_{scale}")
    assert read_release(root).name == "animal"
    plain = root.rename(tmp_path / "plain")
    with pytest.raises(ManifestError, match=r"it has no benchmark folder. Name it: --set"):
        read_release(plain)
    report = checked(plain, "animal")
    assert len(report.faults) == 6
    assert "bmk_fine/query.csv: unpack the set again" in report.problems()[0].replace("\\", "/")


def test_what_is_no_set_is_refused_with_a_hint(made: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ManifestError, match=r"Did you mean .*dyml_animal or .*dyml_product or .*dyml_vehicle"
    ):
        read_release(made)
    with pytest.raises(ManifestError, match=r"Did you mean the folder above it, .*dyml_animal\?"):
        read_release(made / "dyml_animal" / "train")
    with pytest.raises(
        ManifestError, match="is none of the official sets as released: it has no train/label"
    ):
        read_release(tmp_path, "animal")
    with pytest.raises(ManifestError, match="no folder"):
        read_release(tmp_path / "gone")
    with pytest.raises(ManifestError, match=r"no official set 'vehicles'; .* Did you mean 'vehicle'\?"):
        read_release(made / "dyml_vehicle", "vehicles")


def test_two_sets_in_one_folder_are_refused(fresh: Maker) -> None:
    root = fresh("animal")
    (root / "mini-bmk_all_in_one").mkdir()
    with pytest.raises(ManifestError, match="holds the benchmarks of two sets"):
        read_release(root)


def test_counts_that_differ_from_the_published_are_problems(made: Path) -> None:
    report = check_release(read_release(made / "dyml_animal"))
    assert report.title == "DyML-Animal"
    assert f"train: {TRAIN} pictures, published are 408k: a part was not unpacked" in report.problems()[0]
    assert "train: 12 fine classes, published are 495" in report.problems()[1]
    assert len(report.problems()) == 4


def test_both_published_numbers_of_vehicle_agree_and_others_do_not() -> None:
    fine = PUBLISHED["vehicle"].classes["fine"]
    assert fine.holds(36_301)
    assert fine.holds(39_491)
    assert not fine.holds(30_000)
    assert PUBLISHED["vehicle"].pictures.holds(343_100)
    assert not PUBLISHED["vehicle"].pictures.holds(300_000)


def test_pictures_missing_and_extra_are_listed(fresh: Maker) -> None:
    root = fresh("vehicle")
    (root / "train/imgs/0.jpg").unlink()
    (root / "bmk_fine/gallery/5.jpg").unlink()
    (root / "bmk_fine/gallery/6.jpg").unlink()
    (root / "bmk_coarse/query/3.jpg").rename(root / "bmk_coarse/query/extra.jpg")
    (root / "train/imgs/Thumbs.db").touch()
    report = checked(root)
    assert report.missing == {
        "train": ["0.jpg"],
        "bmk_fine gallery": ["5.jpg", "6.jpg"],
        "bmk_coarse query": ["3.jpg"],
    }
    assert report.extra == {"bmk_coarse query": ["extra.jpg"]}
    assert "bmk_fine gallery: 2 pictures named in its table but not there: 5.jpg, 6.jpg" in report.problems()
    assert any("1 picture there but not named in its table: extra.jpg" in note for note in report.notes())


def test_a_whole_folder_that_is_missing_is_told(fresh: Maker) -> None:
    root = fresh("vehicle")
    shutil.rmtree(root / "bmk_middle/query")
    assert f"bmk_middle query: {QUERIES} pictures named" in checked(root).problems()[0]


def test_a_table_cut_short_does_not_hide_the_rest(fresh: Maker) -> None:
    root = fresh("vehicle")
    table = root / "bmk_middle/gallery.csv"
    table.write_text(table.read_text()[:-4])
    (root / "train/imgs/0.jpg").unlink()
    report = checked(root)
    assert list(report.faults) == ["bmk_middle gallery"]
    assert "is cut short" in report.problems()[0]
    assert report.missing == {"train": ["0.jpg"]}


def test_a_table_cut_between_rows_is_noted(fresh: Maker) -> None:
    root = fresh("animal")
    table = root / "train/label.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-8]))
    report = checked(root)
    assert any(
        "no line end after the last row, as if cut short: train/label.csv" in n for n in report.notes()
    )
    assert f"train: {TRAIN - 8} pictures, published are {TRAIN}" in report.problems()[0]
    assert len(report.extra["train"]) == 8


def test_pictures_named_twice_are_problems(fresh: Maker) -> None:
    root = fresh("product")
    table = root / "mini-bmk_all_in_one/label.csv"
    table.write_text(table.read_text() + "3.jpg, 0, 40, 3\n3.jpg, 0, 40, 3\n")
    assert checked(root).repeated == {"mini-bmk_all_in_one": ["3.jpg"]}


def test_classes_that_do_not_nest_are_problems(fresh: Maker) -> None:
    root = fresh("product")
    table = root / "train/label.csv"
    table.write_text(glued(LABEL_HEADER, ["0.jpg, 0, 40, 3", "1.jpg, 0, 39, 3", "2.jpg, 1, 39, 10"]))
    report = checked(root)
    assert report.torn == {"train": {"fine": [3], "middle": [39]}}
    assert any("classes do not nest: fine 3 under several classes" in line for line in report.problems())


def test_queries_that_lie_in_the_gallery_are_counted(fresh: Maker) -> None:
    root = fresh("animal")
    for k in range(3):
        shutil.copy(root / f"bmk_middle/query/{k}.jpg", root / f"bmk_middle/gallery/{10 + k}.jpg")
    report = checked(root)
    assert report.queries_in_gallery == {"middle": 3}
    assert "bmk_middle: 3 queries are in the gallery, byte for byte" in report.notes()


def test_same_files_finds_the_first_by_content(tmp_path: Path) -> None:
    for name, content in {"a": b"one", "b": b"two", "c": b"two", "d": b"longer"}.items():
        (tmp_path / name).write_bytes(content)
    these = [tmp_path / name for name in ("c", "d", "gone")]
    those = [tmp_path / name for name in ("a", "gone too", "b", "c")]
    assert same_files(these, those).tolist() == [2, -1, -1]


labels3 = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40
)


@settings(deadline=None)
@given(labels3)
def test_named_classes_always_nest_and_split_no_more_than_needed(rows: list[tuple[int, int, int]]) -> None:
    labels = np.array(rows, dtype=np.int64)
    columns = class_names(labels, "x")
    named = np.stack([np.unique(column, return_inverse=True)[1] for column in columns], axis=1)
    check_nesting(named, SCALES)
    # Two rows are of one class exactly if their labels agree at this scale and their parents are one class.
    for m in range(3):
        above = named[:, m + 1] if m < 2 else np.zeros(len(rows), dtype=np.int64)
        expected = np.unique(np.stack([labels[:, m], above]), axis=1, return_inverse=True)[1].reshape(-1)
        together = np.unique(np.stack([expected, named[:, m]]), axis=1).shape[1]
        assert together == len(np.unique(expected)) == len(np.unique(named[:, m]))


@settings(deadline=None)
@given(labels3)
def test_torn_classes_are_those_that_the_taxonomy_refuses(rows: list[tuple[int, int, int]]) -> None:
    labels = np.array(rows, dtype=np.int64)
    expected = {
        scale: torn
        for m, scale in enumerate(SCALES[:2])
        if (torn := sorted({r[m] for r in rows if len({q[m + 1] for q in rows if q[m] == r[m]}) > 1}))
    }
    assert torn_classes(labels, SCALES) == expected
