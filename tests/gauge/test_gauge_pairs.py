from collections import Counter

import numpy as np
import pytest
from gauge_data import tree_data
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.errors import InputError
from dyml.gauge.choosing import halves
from dyml.gauge.pairs import draw_pairs, pair_similarities, pair_totals
from dyml.gauge.priors import level_prior, pair_weights, scale_chances
from random_trees import label_tables


@given(label_tables())
@settings(max_examples=60, deadline=None)
def test_pairs_are_all_there_once_or_a_sample_of_each_kind(labels: np.ndarray) -> None:
    scales = labels.shape[1]
    shared = {
        (i, j): int((labels[i] == labels[j]).sum())
        for i in range(len(labels))
        for j in range(i + 1, len(labels))
    }
    totals = [list(shared.values()).count(level) for level in range(scales + 1)]
    assert pair_totals(labels).tolist() == totals
    whole = draw_pairs(labels)
    found = Counter(tuple(sorted(pair)) for pair in zip(whole.first.tolist(), whole.second.tolist()))
    assert found == Counter(shared.keys())
    some = draw_pairs(labels, most=3)
    assert np.bincount(some.shared, minlength=scales + 1).tolist() == [min(total, 3) for total in totals]
    for i, j, level in zip(some.first.tolist(), some.second.tolist(), some.shared.tolist()):
        assert i != j
        assert shared[min(i, j), max(i, j)] == level


def test_samples_follow_the_seed() -> None:
    _, labels = tree_data()
    one, same, other = (draw_pairs(labels, 20, seed) for seed in (1, 1, 2))
    assert (one.first == same.first).all()
    assert (one.second == same.second).all()
    assert (one.first != other.first).any()


def test_similarities_are_cosines() -> None:
    embeddings, labels = tree_data()
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    pairs = draw_pairs(labels)
    expected = (unit @ unit.T)[pairs.first, pairs.second]
    np.testing.assert_allclose(pair_similarities(unit, pairs, block=100), expected, atol=1e-12)


@given(label_tables(max_fine=20), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_halves_split_whole_classes_and_every_coarser_class(labels: np.ndarray, seed: int) -> None:
    second = halves(labels, seed)
    for column in labels.T[:1]:
        for fine in np.unique(column):
            assert len(set(second[column == fine].tolist())) == 1
    for column in labels.T[1:]:
        for class_id in np.unique(column):
            fine = np.unique(labels[column == class_id][:, 0])
            right = sum(bool(second[labels[:, 0] == one][0]) for one in fine)
            if column is labels.T[1:][0]:
                assert abs(2 * right - len(fine)) <= 1
    assert abs(2 * len(np.unique(labels[second, 0])) - len(np.unique(labels[:, 0]))) <= 1


def test_priors() -> None:
    totals, scales = np.array([60, 30, 10]), ("fine", "coarse")
    assert level_prior("data", totals, scales).tolist() == [0.6, 0.3, 0.1]
    assert level_prior("even", np.array([60, 0, 10]), scales).tolist() == [0.5, 0.0, 0.5]
    chosen = level_prior([0.25, 0.75], totals, scales)
    np.testing.assert_allclose(chosen, [0.25, 0.5, 0.25])
    np.testing.assert_allclose(scale_chances(chosen), [0.25, 0.75])


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        ("dta", "'data', 'even'"),
        ([0.5], "one chance a scale"),
        ([0.5, 0.2], "do not fall from fine to coarse"),
        ([0.5, 1.2], "lie in 0 … 1"),
        ([float("nan"), 0.5], "lie in 0 … 1"),
        ([0.1, 0.5], "share 1 of 2 scales, but the data has none"),
    ],
)
def test_what_is_no_prior_is_refused(prior: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        level_prior(prior, np.array([60, 0, 10]), ("fine", "coarse"))  # type: ignore[arg-type]


def test_weights_bring_a_sample_back_to_the_prior() -> None:
    shared = np.array([0] * 5 + [1] * 5 + [2] * 2)
    weights = pair_weights(shared, np.array([0.9, 0.08, 0.02]))
    sums = np.bincount(shared, weights) / weights.sum()
    np.testing.assert_allclose(sums, [0.9, 0.08, 0.02])
    assert weights.mean() == pytest.approx(1)
    without = pair_weights(shared[:10], np.array([0.9, 0.08, 0.02]))
    np.testing.assert_allclose(np.bincount(shared[:10], without) / without.sum(), [90 / 98, 8 / 98])
