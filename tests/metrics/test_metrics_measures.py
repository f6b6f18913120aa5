"""The pure functions over ranked lists, against loops and hand-made cases."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from metrics_brute_force import _graded, _single

from dyml.metrics import (
    average_precision,
    average_precision_at_r,
    average_set_intersection,
    cumulative_match,
    graded_set_intersection,
    hierarchical_average_precision,
    normalised_discounted_gain,
    r_precision,
)


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 40))
def test_single_scale_measures_equal_the_loops(hits, k):
    expected = _single(hits, [k])
    relevant = torch.tensor([hits])
    got = {
        "mAP": average_precision(relevant),
        "ASI": average_set_intersection(relevant),
        "mAP@R": average_precision_at_r(relevant),
        "R-precision": r_precision(relevant),
        f"CMC@{k}": cumulative_match(relevant, k),
    }
    for name, value in got.items():
        assert value.dtype == torch.float64
        if expected is None:
            assert math.isnan(value.item())
        else:
            assert value.item() == pytest.approx(expected[name], abs=1e-13)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_graded_measures_equal_the_loops(sequence, alpha):
    expected = _graded(sequence, 4, alpha)
    levels = torch.tensor([sequence])
    got = {
        "H-AP": hierarchical_average_precision(levels, 4, alpha),
        "NDCG": normalised_discounted_gain(levels),
        "ASI": graded_set_intersection(levels, 4),
    }
    for name, value in got.items():
        if expected is None:
            assert math.isnan(value.item())
        else:
            assert value.item() == pytest.approx(expected[name], abs=1e-13)


def test_a_perfect_list_has_every_measure_at_one():
    relevant = torch.tensor([[True] * 3 + [False] * 4])
    levels = torch.tensor([[3, 3, 2, 1, 1, 0, 0]])
    for measure in (average_precision, average_precision_at_r, average_set_intersection, r_precision):
        assert measure(relevant).item() == 1
    assert cumulative_match(relevant, 1).item() == 1
    assert normalised_discounted_gain(levels).item() == pytest.approx(1, abs=1e-15)
    assert graded_set_intersection(levels, 3).item() == 1


def test_with_one_scale_graded_measures_become_the_plain_ones():
    hits = torch.from_numpy(np.random.default_rng(0).random((5, 40)) < 0.3)
    levels = hits.to(torch.int64)
    torch.testing.assert_close(hierarchical_average_precision(levels, 1), average_precision(hits))
    torch.testing.assert_close(graded_set_intersection(levels, 1), average_set_intersection(hits))


def test_a_row_does_not_see_the_others():
    hits = torch.from_numpy(np.random.default_rng(1).random((6, 25)) < 0.4)
    whole = average_precision(hits)
    alone = torch.cat([average_precision(row[None]) for row in hits])
    assert torch.equal(whole, alone)
