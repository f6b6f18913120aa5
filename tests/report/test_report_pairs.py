"""Pairs by shared scales, against the table of all pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dyml.report.pairs import LevelPairs, above, density, pair_similarities
from dyml.taxonomy.pairs import run_stops


def nested_labels(rng: np.random.Generator, count: int, scales: int) -> np.ndarray:
    """Random labels of a random tree, finest first."""
    columns = [rng.integers(0, max(1, count // 2), count)]
    for _ in range(scales - 1):
        columns.append(rng.integers(0, 4, columns[-1].max() + 1)[columns[-1]])
    return np.stack(columns, axis=1).astype(np.int64)


def unit(rng: np.random.Generator, count: int, dim: int = 8) -> np.ndarray:
    vectors = rng.normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(1, 5))
def test_every_pair_of_every_level_is_counted_once(seed: int, count: int, scales: int) -> None:
    rng = np.random.default_rng(seed)
    labels, vectors = nested_labels(rng, count, scales), unit(rng, count)
    first, second = np.triu_indices(count, k=1)
    shared = (labels[first] == labels[second]).sum(1)
    dots = (vectors[first] * vectors[second]).sum(1)

    levels = pair_similarities(vectors, labels)

    assert [pairs.level for pairs in levels] == list(range(scales, -1, -1))
    for pairs in levels:
        expected = np.sort(dots[shared == pairs.level])
        assert pairs.total == len(expected)
        assert not pairs.sampled
        assert_allclose(pairs.similarity, expected, atol=1e-6)


def test_a_sample_holds_only_pairs_of_its_level_and_is_even() -> None:
    labels = np.array([[0, 0]] * 30 + [[1, 0]] * 10 + [[2, 1]] * 20)
    # The similarity of two one-hot-like rows names the pair, so that counts of pairs can be read off.
    vectors = np.eye(60, dtype=np.float32) + np.arange(60, dtype=np.float32)[:, None] / 1000
    levels = pair_similarities(vectors, labels, most=200, seed=3)
    table = vectors @ vectors.T
    shared = (labels[:, None] == labels[None]).sum(-1)
    upper = np.triu(np.ones((60, 60), dtype=bool), 1)
    for pairs in levels:
        allowed = table[upper & (shared == pairs.level)]
        assert pairs.sampled
        assert len(pairs.similarity) == 200
        assert np.isclose(pairs.similarity[:, None], allowed[None], atol=1e-5).any(1).all()
        assert abs(pairs.similarity.mean() - allowed.mean()) < 4 * allowed.std() / np.sqrt(200)


def test_samples_depend_on_the_seed_alone() -> None:
    rng = np.random.default_rng(0)
    labels, vectors = nested_labels(rng, 80, 2), unit(rng, 80)
    same = [pair_similarities(vectors, labels, most=50, seed=1)[-1].similarity for _ in range(2)]
    other = pair_similarities(vectors, labels, most=50, seed=2)[-1].similarity
    assert_array_equal(*same)
    assert not np.array_equal(same[0], other)


def test_runs_end_where_the_class_changes() -> None:
    labels = np.array([[0, 0], [0, 0], [1, 0], [2, 1]])
    assert_array_equal(run_stops(labels), [[1, 2, 3, 4], [2, 2, 3, 4], [3, 3, 3, 4], [4, 4, 4, 4]])


def test_the_chance_to_be_above_counts_ties_half() -> None:
    upper = LevelPairs(1, 3, np.array([0.1, 0.5, 0.9], dtype=np.float32))
    lower = LevelPairs(0, 2, np.array([0.1, 0.4], dtype=np.float32))
    assert above(upper, lower) == pytest.approx((0.5 + 2 + 2) / 6)
    assert above(lower, upper) == pytest.approx(1 - above(upper, lower))
    assert np.isnan(above(upper, LevelPairs(0, 0, np.empty(0, dtype=np.float32))))


@pytest.mark.parametrize(
    "similarity",
    [
        np.random.default_rng(0).normal(0.3, 0.1, 5000),
        np.full(100, 1.0),
        np.array([0.2]),
        np.array([0.0, 1.0]),
    ],
)
def test_a_density_integrates_to_one_even_at_the_ends(similarity: np.ndarray) -> None:
    where, dense = density(similarity.astype(np.float32).clip(-0.5, 1.0), -0.5, 1.0)
    assert (dense >= 0).all()
    assert dense.sum() * (where[1] - where[0]) == pytest.approx(1, abs=1e-6)


def test_a_density_is_highest_where_the_pairs_are() -> None:
    values = np.random.default_rng(0).normal(0.3, 0.05, 20_000).astype(np.float32)
    where, dense = density(values, -1.0, 1.0)
    assert where[dense.argmax()] == pytest.approx(0.3, abs=0.02)
    assert dense.max() == pytest.approx(1 / (0.05 * np.sqrt(2 * np.pi)), rel=0.06)
