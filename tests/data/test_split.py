"""Open-set splits: deterministic, by whole fine classes, coarser classes on both sides."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data import read_manifest, write_manifest
from dyml.data.split import open_set_split, side_counts, split_manifest
from dyml.errors import InputError, ManifestError
from dyml.taxonomy import Taxonomy

SCALES = ("fine", "middle", "coarse")


def tree(parents: list[list[int]]) -> Taxonomy:
    """A taxonomy from the number of fine classes of each middle class of each coarse class."""
    rows, names = [], ([], [], [])
    middle = 0
    for coarse, sizes in enumerate(parents):
        names[2].append(f"coarse {coarse:03}")
        for size in sizes:
            names[1].append(f"middle {middle:03}")
            for _ in range(size):
                names[0].append(f"fine {len(rows):04}")
                rows.append((len(rows), middle, coarse))
            middle += 1
    return Taxonomy.from_labels(rows, SCALES, names)


def sides_of(taxonomy: Taxonomy, sides: list[str], scale: int) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for class_id, side in zip(taxonomy.lineage[:, scale], sides):
        found.setdefault(int(class_id), set()).add(side)
    return found


TREES = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=5), min_size=1, max_size=4).filter(
    lambda parents: sum(map(sum, parents)) >= 3
)


@settings(max_examples=150, deadline=None)
@given(parents=TREES, share=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_every_class_that_can_be_is_on_both_sides(parents: list[list[int]], share: float, seed: int) -> None:
    taxonomy = tree(parents)
    sides = open_set_split(taxonomy, share, seed=seed)
    assert set(sides) == {"train", "test"}
    for scale in (1, 2):
        fine = np.bincount(taxonomy.lineage[:, scale])
        for class_id, on in sides_of(taxonomy, sides, scale).items():
            assert len(on) == (2 if fine[class_id] > 1 else 1)


@settings(max_examples=100, deadline=None)
@given(parents=TREES, seed=st.integers(0, 99))
def test_three_sides_are_never_empty(parents: list[list[int]], seed: int) -> None:
    assert set(open_set_split(tree(parents), 0.4, 0.2, seed)) == {"train", "val", "test"}


@settings(max_examples=80, deadline=None)
@given(parents=TREES, share=st.floats(0.1, 0.6), val=st.floats(0.05, 0.3), seed=st.integers(0, 99))
def test_validation_takes_no_class_from_training(
    parents: list[list[int]], share: float, val: float, seed: int
) -> None:
    taxonomy = tree(parents)
    sides = open_set_split(taxonomy, share, val, seed)
    alone = [on for scale in (1, 2) for on in _alone(taxonomy, sides, scale)]
    # There must be one validation class; where every class is the last of its parent, one of these it is.
    assert len(alone) <= 2 * (sides.count("val") == 1)


def _alone(taxonomy: Taxonomy, sides: list[str], scale: int) -> list[set[str]]:
    """Return the sides of the classes with several fine classes that are not both in train and in test."""
    fine = np.bincount(taxonomy.lineage[:, scale])
    found = sides_of(taxonomy, sides, scale)
    return [on for class_id, on in found.items() if fine[class_id] > 1 and not {"train", "test"} <= on]


@settings(max_examples=40, deadline=None)
@given(parents=TREES, share=st.floats(0.05, 0.95), seed=st.integers(0, 99), data=st.data())
def test_the_order_of_the_classes_does_not_matter(
    parents: list[list[int]], share: float, seed: int, data: st.DataObject
) -> None:
    taxonomy = tree(parents)
    order = data.draw(st.permutations(range(taxonomy.num_fine)))
    names = [list(level) for level in taxonomy.names or ()]
    rows = taxonomy.lineage[order]
    turned = Taxonomy.from_labels(
        np.stack([np.argsort(order)[rows[:, 0]], rows[:, 1], rows[:, 2]], axis=1),
        taxonomy.scales,
        [[names[0][i] for i in order], *names[1:]],
    )
    one, other = open_set_split(taxonomy, share, seed=seed), open_set_split(turned, share, seed=seed)
    assert dict(zip(names[0], one)) == dict(zip((turned.names or ())[0], other))


@settings(max_examples=50, deadline=None)
@given(
    parents=st.lists(st.lists(st.integers(4, 9), min_size=1, max_size=5), min_size=1, max_size=4),
    share=st.floats(0.3, 0.7),
)
def test_the_share_is_met_in_all_and_in_each_coarse_class(parents: list[list[int]], share: float) -> None:
    taxonomy = tree(parents)
    sides = np.array(open_set_split(taxonomy, share))
    assert (sides == "test").sum() == round(share * taxonomy.num_fine)
    for coarse, sizes in enumerate(parents):
        inside = sides[taxonomy.lineage[:, 2] == coarse]
        assert abs((inside == "test").sum() - share * sum(sizes)) <= 1.5


def test_middles_of_one_fine_class_fill_up_the_coarse_share() -> None:
    taxonomy = tree([[1] * 10, [1] * 20, [4, 1, 1, 1, 1, 1, 1]])
    sides = np.array(open_set_split(taxonomy, 0.4))
    coarse = taxonomy.lineage[:, 2]
    assert [int((sides[coarse == c] == "test").sum()) for c in range(3)] == [4, 8, 4]
    assert set(sides[(coarse == 2)][:4]) == {"train", "test"}


def test_one_scale_is_split_by_share_alone() -> None:
    taxonomy = Taxonomy.from_labels([[i] for i in range(10)], ("fine",), [[f"c{i}" for i in range(10)]])
    assert open_set_split(taxonomy, 0.3).count("test") == 3


def test_classes_without_names_are_told_apart_by_their_ids() -> None:
    bare = Taxonomy.from_labels([[i, i // 2] for i in range(10)], ("fine", "coarse"))
    assert open_set_split(bare, 0.5) == open_set_split(bare, 0.5)
    assert all(len(on) == 2 for on in sides_of(bare, open_set_split(bare, 0.5), 1).values())


def test_the_seed_decides() -> None:
    taxonomy = tree([[3, 4, 5], [2, 1, 1, 6]])
    splits = {tuple(open_set_split(taxonomy, seed=seed)) for seed in range(8)}
    assert len(splits) > 4
    assert open_set_split(taxonomy, seed=3) == open_set_split(taxonomy, seed=3)


def test_a_known_split_stays_the_same_over_releases() -> None:
    sides = open_set_split(tree([[2, 2, 1], [3]]), 0.4, seed=0)
    assert "".join(side[1] for side in sides) == "reerrrer"  # e: test, r: train


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    fine = np.repeat(np.arange(30), 4)
    columns = {
        "path": np.array([f"p{i}" for i in range(120)]),
        "coarse": np.array([f"c{f // 10}" for f in fine]),
        "middle": np.array([f"m{f // 5}" for f in fine]),
        "fine": np.array([f"f{f}" for f in fine]),
    }
    order = rng.permutation(120)
    write_manifest({k: v.tolist() for k, v in columns.items()}, tmp_path / "a.csv")
    write_manifest({k: v[order].tolist() for k, v in columns.items()}, tmp_path / "b.csv")
    one, other = split_manifest(tmp_path / "a.csv"), split_manifest(tmp_path / "b.csv")
    assert one.split is not None
    assert other.split is not None
    assert dict(zip(one.paths, one.split)) == dict(zip(other.paths, other.split))
    assert one.only("train").taxonomy.num_fine + one.only("test").taxonomy.num_fine == 30


@pytest.mark.parametrize(
    ("test", "val"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (-0.1, 0.2), (float("nan"), 0.0)]
)
def test_shares_that_leave_nothing_are_refused(test: float, val: float) -> None:
    with pytest.raises(InputError, match=r"must be in \(0, 1\) and leave some to train on"):
        open_set_split(tree([[4]]), test, val)


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(ManifestError, match=r"1 fine class.*cannot be split into 2 sides"):
        open_set_split(tree([[1]]))
    with pytest.raises(ManifestError, match="an open-set split needs at least 3"):
        open_set_split(tree([[2]]), 0.3, 0.3)


def test_other_columns_and_rows_are_kept(tmp_path: Path) -> None:
    text = 'path,note,fine,coarse\na,"x, y",f,c\nb,NA,g,c\nc,007,h,c\n'
    (tmp_path / "manifest.csv").write_text(text)
    split_manifest(tmp_path, scales=["fine", "coarse"], test_share=0.34)
    lines = (tmp_path / "manifest.csv").read_text().splitlines()
    assert lines[0] == "path,note,fine,coarse,split"
    assert [line.rsplit(",", 1)[0] for line in lines[1:]] == ['a,"x, y",f,c', "b,NA,g,c", "c,007,h,c"]
    assert sorted(line.rsplit(",", 1)[1] for line in lines[1:]) == ["test", "train", "train"]


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    table = pa.table({"path": ["a", "b"], "fine": ["f", "g"], "box": [[1, 2], [3]], "size": [1.5, 2.5]})
    pyarrow.parquet.write_table(table, tmp_path / "manifest.parquet")
    split_manifest(tmp_path, scales=["fine"], test_share=0.5)
    after = pyarrow.parquet.read_table(tmp_path / "manifest.parquet")
    assert after.drop_columns(["split"]).equals(table)


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    text = "path,fine,split\na,f,\nb,g,train\n"
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ManifestError, match="has a split column already; --force replaces it"):
        split_manifest(tmp_path)
    (tmp_path / "other.csv").touch()
    with pytest.raises(ManifestError, match=r"other.csv is there already; --force writes over it"):
        split_manifest(tmp_path, tmp_path / "other.csv")
    assert (tmp_path / "manifest.csv").read_text() == text
    split_manifest(tmp_path, tmp_path / "new.csv")
    assert read_manifest(tmp_path / "new.csv").splits == ("train", "test")
    split_manifest(tmp_path, force=True)
    assert read_manifest(tmp_path).splits == ("train", "test"), "a blank old split is simply replaced"


def test_sides_are_counted(tmp_path: Path) -> None:
    columns = {
        "path": list("abcdef"),
        "fine": ["1", "2", "3", "4", "5", "5"],
        "middle": ["x", "x", "y", "z", "z", "z"],
        "coarse": ["k"] * 6,
        "split": ["train", "test", "train", "train", "test", "test"],
    }
    write_manifest(columns, tmp_path / "manifest.csv")
    middle, coarse = side_counts(read_manifest(tmp_path))
    assert (middle.scale, middle.classes, middle.several, middle.single_fine) == ("middle", 3, 2, 1)
    assert (coarse.classes, coarse.several, coarse.single_fine) == (1, 1, 0)


@pytest.mark.shared
def test_real_classes_are_split_as_asked(shared_data: Path, tmp_path: Path) -> None:
    done = split_manifest(shared_data / "grocery", tmp_path / "split.csv")
    assert done.only("test").taxonomy.num_fine == 32
    assert done.only("train").taxonomy.num_fine == 49
    middle, coarse = side_counts(done)
    assert middle.several == middle.classes - middle.single_fine
    assert coarse.several == 3
