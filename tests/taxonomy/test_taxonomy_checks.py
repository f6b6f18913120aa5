"""Labels that are no tree are refused, in words that name them and the mend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyml.errors import DymlError, TaxonomyError
from dyml.taxonomy import Taxonomy, check_nesting
from random_trees import Ints, lineages

SCALES = ("fine", "middle", "coarse")


def named(count: int) -> tuple[str, ...]:
    return tuple(f"scale{m}" for m in range(count))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (np.zeros((0, 3), dtype=int), "labels are empty"),
        (
            [1, 2, 3],
            r"labels must be \(N, 3\), one column for each of fine, middle, coarse; got shape \(3,\)",
        ),
        ([[0, 1]], r"got shape \(1, 2\)"),
        ([[0, 0, 0], [1]], "labels must be a table of integers"),
        ([[0.0, 0.0, 0.0]], "labels must be integers; got float64"),
        ([[True, True, True]], "labels must be integers; got bool"),
        ([["a", "b", "c"]], "labels must be integers; got <U1"),
        ([[10**30, 0, 0]], "labels must be integers; got object"),
        (np.full((1, 3), 2**64 - 1, dtype=np.uint64), "must fit int64; use dense_labels"),
        ([[0, 0, 0], [1, -1, 0]], r"must not be negative; row 1 is \[1, -1, 0\]"),
        (
            [[0, 0, 0], [2, 0, 0], [5, 0, 0]],
            r"'fine' must be 0 … 2 with none left out; missing: 1, 3, 4\. .*dense_labels",
        ),
        ([[2**62, 0, 0]], r"'fine' must be 0 … 0 with none left out; missing: 0, 1, 2, 3, 4 and 5 more"),
    ],
)
def test_tables_that_are_refused(labels: object, text: str) -> None:
    with pytest.raises(TaxonomyError, match=text):
        Taxonomy.from_labels(labels, SCALES)  # type: ignore[arg-type]


@pytest.mark.parametrize("scales", [[], ["a", "a"], ["a", " "], ["a", ""]])
def test_scales_that_are_refused(scales: list[str]) -> None:
    with pytest.raises(TaxonomyError, match="one or more distinct names, fine to coarse"):
        Taxonomy.from_labels(np.zeros((1, len(scales)), dtype=int), scales)


def test_a_text_is_not_a_list_of_scales() -> None:
    with pytest.raises(TaxonomyError, match="not the text 'abc'"):
        Taxonomy.from_labels([[0, 0, 0]], "abc")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ((("a",),), "names must have one list for each of 2 scales; got 1"),
        ((("a", "b"), ("x", "y")), "scale 'coarse' has 1 classes but 2 names were given"),
        ("ab", "names must be one list of names a scale"),
        (("ab", "x"), "names must be one list of names a scale"),
    ],
)
def test_names_that_are_refused(names: object, text: str) -> None:
    with pytest.raises(TaxonomyError, match=text):
        Taxonomy.from_labels([[0, 4], [1, 4]], ("fine", "coarse"), names)  # type: ignore[arg-type]


def test_labels_that_do_not_nest_name_class_parents_and_mend() -> None:
    labels = [[0, 0, 0], [1, 1, 1], [1, 0, 0], [2, 1, 1]]
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.from_labels(labels, SCALES)
    assert str(caught.value) == (
        "classes do not nest: fine 1 lies in middle 0 and in middle 1. Every fine must have one middle: "
        "correct the rows that are wrong, or, where they are different classes of one name, give each its "
        "own (such as 'middle/fine')."
    )
    assert isinstance(caught.value, DymlError)


def test_labels_that_do_not_nest_higher_up_are_named() -> None:
    labels = [[0, 7, 0], [1, 7, 3], [2, 8, 3]]
    names = (("elk", "rose", "fern"), ("wild", "tame"), ("animal", "plant"))
    with pytest.raises(TaxonomyError, match="middle 'wild' lies in coarse 'animal' and in coarse 'plant'"):
        Taxonomy.from_labels(labels, SCALES, names)


def test_many_classes_that_do_not_nest_are_counted() -> None:
    fine = np.repeat(np.arange(9), 2)
    labels = np.stack([fine, np.arange(18)], axis=1)
    with pytest.raises(TaxonomyError, match=r"fine 0 lies in .*fine 4 lies in .*; and 4 more") as caught:
        check_nesting(labels, ("fine", "coarse"))
    assert "fine 5" not in str(caught.value)


@given(lineages(max_scales=4), st.data())
def test_one_wrong_parent_is_always_found(lineage: Ints, data: st.DataObject) -> None:
    fine, scales = lineage.shape
    if scales == 1:
        check_nesting(lineage, named(scales))
        return
    row = data.draw(st.integers(0, fine - 1))
    m = data.draw(st.integers(1, scales - 1))
    wrong = lineage[row].copy()
    wrong[m] = lineage[:, m].max() + 1
    both = np.concatenate([lineage, wrong[None]])
    check_nesting(lineage, named(scales))
    with pytest.raises(TaxonomyError, match=rf"scale{m - 1} {wrong[m - 1]} lies in scale{m} "):
        check_nesting(both, named(scales))


def test_the_constructor_checks_too() -> None:
    with pytest.raises(TaxonomyError, match="do not nest"):
        Taxonomy(("a", "b"), np.array([[0, 0], [0, 1]]))
