"""Nearest neighbours in blocks, and which queries are shown."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dyml.report.groups import best_ordered, level_groups
from dyml.report.neighbours import choose_queries, nearest


def clustered(seed: int = 0, noise: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """240 unit rows of 24 fine, 8 middle and 4 coarse classes."""
    rng = np.random.default_rng(seed)
    fine = np.repeat(np.arange(24), 10)
    labels = np.stack([fine, fine // 3, fine // 6], axis=1)
    vectors = rng.normal(size=(24, 16))[fine] + noise * rng.normal(size=(240, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 9), st.integers(1, 50))
def test_neighbours_equal_a_stable_sort_with_ties_in_row_order(
    seed: int, count: int, k: int, block: int
) -> None:
    # Small integers are exact in float32 and make many ties.
    vectors = np.random.default_rng(seed).integers(-1, 2, (count, 3)).astype(np.float32)
    scores = vectors @ vectors.T
    np.fill_diagonal(scores, -np.inf)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, : min(k, count - 1)]
    rows, values = nearest(vectors, np.arange(count), k, block)
    assert_array_equal(rows, expected)
    assert_allclose(values, np.take_along_axis(scores, expected, 1))


def test_six_right_and_four_wrong_spread_over_coarse_and_fine_classes() -> None:
    vectors, labels = clustered(noise=1.4)
    shown = choose_queries(vectors, labels)
    assert shown.right.tolist() == [True] * 6 + [False] * 4
    assert (labels[shown.neighbours[:, 0], 0] == labels[shown.rows, 0]).tolist() == shown.right.tolist()
    assert len(set(labels[shown.rows, 0])) == 10
    assert set(labels[shown.rows[:6], -1]) == set(labels[shown.rows[6:], -1]) == {0, 1, 2, 3}
    assert shown.asked == 240
    assert shown.levels.sum() == 240 * 8


def test_the_count_of_wrong_queries_is_of_all_asked() -> None:
    vectors, labels = clustered(noise=1.4)
    shown = choose_queries(vectors, labels)
    first = nearest(vectors, np.arange(240), 1)[0][:, 0]
    assert shown.wrong == int((labels[first, 0] != labels[:, 0]).sum())


def test_where_one_kind_runs_out_the_other_fills_up() -> None:
    vectors, labels = clustered(noise=0.01)
    assert choose_queries(vectors, labels).right.tolist() == [True] * 10
    torn = np.arange(240)[:, None] % 10
    assert choose_queries(vectors, torn).right.tolist() == [False] * 10
    torn[:10] = 10
    few = choose_queries(vectors, torn)
    assert few.right.tolist() == [True] * 6 + [False] * 4
    assert set(few.rows[:6]) < set(range(10))


def test_classes_of_one_picture_do_not_ask_unless_there_are_no_others() -> None:
    vectors, labels = clustered()
    alone = labels.copy()
    alone[0, 0] = 24
    shown = choose_queries(vectors, alone, count=240)
    assert 0 not in shown.rows
    assert shown.asked == 239
    single = np.arange(240)[:, None]
    assert choose_queries(vectors, single).right.tolist() == [False] * 10


def test_choice_depends_on_the_seed_alone() -> None:
    vectors, labels = clustered()
    first, again, other = (choose_queries(vectors, labels, most=50, seed=seed).rows for seed in (1, 1, 2))
    assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


def test_two_pictures_and_one_picture() -> None:
    vectors, labels = clustered()
    two = choose_queries(vectors[:2], labels[:2])
    assert two.neighbours.shape == (2, 1)
    one = choose_queries(vectors[:1], labels[:1])
    assert len(one.rows) == one.asked == one.wrong == 0


def test_groups_hold_the_nearest_of_each_level_each_of_another_class() -> None:
    vectors, labels = clustered()
    row = best_ordered(vectors, labels, seed=0)
    groups = level_groups(vectors, labels, row, most=2)
    assert [group.level for group in groups] == [3, 2, 1, 0]
    for group in groups:
        assert ((labels[group.rows] == labels[row]).sum(1) == group.level).all()
        assert row not in group.rows
        assert (np.diff(group.similarity) <= 0).all()
        everything = (labels == labels[row]).sum(1) == group.level
        everything[row] = False
        assert group.similarity[0] == (vectors @ vectors[row])[everything].max()
    assert [len(group.rows) for group in groups] == [2, 2, 1, 2]
    assert len(set(labels[groups[1].rows, 0])) == len(set(labels[groups[3].rows, -1])) == 2
