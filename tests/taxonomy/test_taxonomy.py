"""The tree of classes: lineage, order, segments, names, equality, copies."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given

from dyml.errors import TaxonomyError
from dyml.taxonomy import Taxonomy, dense_labels, first_seen_labels, shared_scales
from random_trees import Ints, label_tables, lineages

SCALES = ("fine", "middle", "coarse")
TABLE = np.array([[0, 5, 1], [1, 2, 0], [2, 5, 1], [3, 9, 0], [4, 2, 0], [2, 5, 1]])
NAMES = (("elk", "rose", "moose", "fern", "tulip"), ("flower", "deer", "pteris"), ("plant", "animal"))


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(TABLE, SCALES, NAMES)


def named(count: int) -> tuple[str, ...]:
    return tuple(f"scale{m}" for m in range(count))


def test_from_labels(taxonomy: Taxonomy) -> None:
    assert taxonomy.scales == SCALES
    assert taxonomy.lineage.tolist() == TABLE[:5].tolist()
    assert taxonomy.lineage.dtype == np.int64
    assert (taxonomy.num_scales, taxonomy.num_fine, taxonomy.num_classes) == (3, 5, (5, 3, 2))
    assert taxonomy.class_ids("middle").tolist() == [2, 5, 9]
    assert taxonomy.codes.tolist() == [[0, 1, 1], [1, 0, 0], [2, 1, 1], [3, 2, 0], [4, 0, 0]]
    assert taxonomy.order.tolist() == [0, 2, 1, 4, 3]
    assert taxonomy.segments("fine").tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5]]
    assert taxonomy.segments("middle").tolist() == [[0, 2], [2, 4], [4, 5]]
    assert taxonomy.segments(2).tolist() == [[0, 2], [2, 5]]


@pytest.mark.parametrize(
    "labels",
    [TABLE.tolist(), TABLE.astype(np.int16), TABLE.astype(np.uint64), torch.from_numpy(TABLE), TABLE[::-1]],
)
def test_any_integers_in_any_order_make_the_same_tree(taxonomy: Taxonomy, labels: object) -> None:
    assert Taxonomy.from_labels(labels, list(SCALES), [list(column) for column in NAMES]) == taxonomy  # type: ignore[arg-type]


def test_one_scale_and_one_class() -> None:
    taxonomy = Taxonomy.from_labels([[0]], ["only"])
    assert (taxonomy.num_classes, taxonomy.order.tolist()) == ((1,), [0])
    assert taxonomy.segments(0).tolist() == [[0, 1]]
    assert str(taxonomy) == "Taxonomy: 1 only\n└─ 0"


@given(label_tables())
def test_every_class_is_one_run_of_the_order(labels: Ints) -> None:
    taxonomy = Taxonomy.from_labels(labels, named(labels.shape[1]))
    assert sorted(taxonomy.order) == list(range(taxonomy.num_fine))
    for m in range(taxonomy.num_scales):
        column = taxonomy.lineage[taxonomy.order, m]
        segments = taxonomy.segments(m)
        assert segments[0, 0] == 0
        assert segments[-1, 1] == taxonomy.num_fine
        assert (segments[1:, 0] == segments[:-1, 1]).all()
        ids = [set(column[start:stop]) for start, stop in segments]
        assert all(len(group) == 1 for group in ids)
        assert len(set.union(*ids)) == len(ids) == taxonomy.num_classes[m]


@given(lineages())
def test_the_lineage_is_what_the_labels_say(lineage: Ints) -> None:
    taxonomy = Taxonomy.from_labels(lineage, named(lineage.shape[1]))
    assert taxonomy.lineage.tolist() == lineage.tolist()
    assert taxonomy.num_classes == tuple(len(set(column)) for column in lineage.T.tolist())
    again = Taxonomy.from_labels(taxonomy.lineage[taxonomy.lineage[:, 0]], taxonomy.scales)
    assert again == taxonomy


@given(lineages())
def test_a_depth_first_lineage_keeps_its_order(lineage: Ints) -> None:
    order = Taxonomy.from_labels(lineage, named(lineage.shape[1])).order
    sorted_lineage = lineage[order]
    sorted_lineage[:, 0] = np.arange(len(lineage))
    again = Taxonomy.from_labels(sorted_lineage, named(lineage.shape[1]))
    assert again.order.tolist() == list(range(len(lineage)))


@given(label_tables())
def test_shared_scales_counts_from_the_coarse_end(labels: Ints) -> None:
    shared = shared_scales(labels[:, None], labels[None])
    assert shared.shape == (len(labels), len(labels))
    assert (shared == shared.T).all()
    assert (np.diag(shared) == labels.shape[1]).all()
    for i, row in enumerate(labels):
        for j, other in enumerate(labels):
            common = [m for m in range(len(row)) if row[m] == other[m]]
            assert common == list(range(len(row) - shared[i, j], len(row)))
    of_tensors = shared_scales(torch.from_numpy(labels)[:, None], torch.from_numpy(labels)[None])
    assert of_tensors.dtype == torch.int64
    assert (of_tensors.numpy() == shared).all()


@given(label_tables())
def test_relabelling_keeps_equality_within_columns(labels: Ints) -> None:
    seen, ranks = first_seen_labels(labels)
    dense = dense_labels(labels)
    for m, column in enumerate(labels.T):
        assert (np.unique(column)[dense[:, m]] == column).all()
        assert (seen[m][ranks[:, m]] == column).all()
        assert list(dict.fromkeys(ranks[:, m].tolist())) == list(range(len(seen[m])))
    assert dense.dtype == ranks.dtype == np.int64


def test_labels_above_24_bits_stay_apart() -> None:
    taxonomy = Taxonomy.from_labels([[0, 2**53], [1, 2**53 + 1]], ("fine", "coarse"))
    assert taxonomy.num_classes == (2, 2)


def test_scale_index(taxonomy: Taxonomy) -> None:
    assert [taxonomy.scale_index(scale) for scale in (*SCALES, 0, 1, 2)] == [0, 1, 2, 0, 1, 2]
    with pytest.raises(
        TaxonomyError,
        match=r"no scale 'fien'; this taxonomy has fine, middle, coarse\. Did you mean 'fine'\?",
    ):
        taxonomy.scale_index("fien")
    for index in (-1, 3):
        with pytest.raises(TaxonomyError, match=rf"no scale {index}; this taxonomy has 3, from 0 \(finest\)"):
            taxonomy.scale_index(index)


def test_names(taxonomy: Taxonomy) -> None:
    assert [taxonomy.name("middle", class_id) for class_id in (2, 5, 9)] == ["flower", "deer", "pteris"]
    for class_id in (3, 10, -1):
        with pytest.raises(TaxonomyError, match=f"no class {class_id} at scale 'middle'"):
            taxonomy.name(1, class_id)
    assert Taxonomy.from_labels(TABLE, SCALES).name("middle", 9) == "9"


def test_nothing_can_be_changed(taxonomy: Taxonomy) -> None:
    with pytest.raises(AttributeError):
        taxonomy.scales = ("x",)  # type: ignore[misc]
    arrays = (taxonomy.lineage, taxonomy.codes, taxonomy.order, taxonomy.class_ids(1))
    for value in (*arrays, pickle.loads(pickle.dumps(taxonomy)).lineage, copy.deepcopy(taxonomy).lineage):
        with pytest.raises(ValueError, match="read-only"):
            value[0] = 7


def test_the_callers_labels_stay_writable_and_apart() -> None:
    labels = np.array([[0, 0], [1, 0]])
    taxonomy = Taxonomy.from_labels(labels, ("fine", "coarse"))
    labels[0] = 5
    assert taxonomy.lineage.tolist() == [[0, 0], [1, 0]]


def test_equality_and_fingerprint(taxonomy: Taxonomy) -> None:
    same = Taxonomy.from_labels(TABLE, SCALES, NAMES)
    moved = TABLE.copy()
    moved[3, 1:] = (5, 1)
    others = [
        Taxonomy.from_labels(TABLE, SCALES),
        Taxonomy.from_labels(TABLE, ("fine", "middle", "top"), NAMES),
        Taxonomy.from_labels(TABLE, SCALES, (*NAMES[:2], ("plant", "beast"))),
        Taxonomy.from_labels(moved, SCALES),
        Taxonomy.from_labels(TABLE[:, :2], SCALES[:2]),
    ]
    assert same == taxonomy
    assert hash(same) == hash(taxonomy)
    assert same.fingerprint == taxonomy.fingerprint
    assert len({taxonomy.fingerprint, *(other.fingerprint for other in others)}) == 6
    assert all(other != taxonomy for other in others)
    assert taxonomy != "taxonomy"
    assert {taxonomy: 1}[same] == 1


def test_the_fingerprint_is_the_same_in_every_process(taxonomy: Taxonomy) -> None:
    assert taxonomy.fingerprint == "d661e26a9ac5c053"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_copies_are_equal(taxonomy: Taxonomy, again) -> None:  # type: ignore[no-untyped-def]
    taxonomy.order  # noqa: B018  # cached values must not hinder
    copied = again(taxonomy)
    assert copied == taxonomy
    assert copied.order.tolist() == taxonomy.order.tolist()


def test_a_million_fine_classes_pass() -> None:
    rng = np.random.default_rng(0)
    middle = rng.integers(0, 30_000, 1_000_000)
    labels = np.stack([rng.permutation(len(middle)), middle, middle % 50], axis=1)
    taxonomy = Taxonomy.from_labels(labels, SCALES)
    assert taxonomy.num_classes == (1_000_000, 30_000, 50)
    assert len(taxonomy.order) == 1_000_000
    assert len(str(taxonomy).splitlines()) < 40
    assert taxonomy == Taxonomy.from_labels(labels[::-1], SCALES)
    assert len(taxonomy.fingerprint) == 16
