"""Mean, spread, pooled spread and who is ahead."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyml.study.statistics import Spread, pooled_std, spread, standard_error, standing

values = st.floats(-1e3, 1e3, allow_nan=False)
lists = st.lists(values, min_size=1, max_size=6)
groups = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), lists, min_size=1, max_size=8)


@given(lists)
def test_spread_is_the_standard_one(found: list[float]) -> None:
    one = spread(found)
    assert one.count == len(found)
    assert one.mean == pytest.approx(statistics.mean(found), abs=1e-9)
    if len(found) == 1:
        assert one.std is None
    else:
        assert one.std == pytest.approx(statistics.stdev(found), abs=1e-6)


@given(lists, values)
def test_a_shift_moves_the_mean_alone(found: list[float], shift: float) -> None:
    before, after = spread(found), spread([value + shift for value in found])
    assert after.mean == pytest.approx(before.mean + shift, abs=1e-6)
    assert (before.std is None) == (after.std is None)
    if before.std is not None:
        assert after.std == pytest.approx(before.std, abs=1e-6)


@given(st.lists(lists, min_size=1, max_size=5))
def test_the_pooled_spread_is_that_of_all_residuals(found: list[list[float]]) -> None:
    residuals = np.concatenate([np.asarray(one) - np.mean(one) for one in found])
    free = sum(len(one) - 1 for one in found)
    pooled = pooled_std([spread(one) for one in found])
    if not free:
        assert pooled is None
    else:
        assert pooled == pytest.approx(math.sqrt(float(residuals @ residuals) / free), abs=1e-6)


def test_the_error_of_a_difference() -> None:
    assert standard_error(Spread(0, 1, 4), Spread(0, 1, 4), 3.0) == pytest.approx(3 * math.sqrt(0.5))
    assert standard_error(Spread(0, None, 1), Spread(0, None, 1), None) is None


@given(groups)
def test_the_best_is_level_with_itself_and_none_is_better(found: dict[str, list[float]]) -> None:
    spreads = {name: spread(one) for name, one in found.items()}
    std = pooled_std(list(spreads.values()))
    result = standing(spreads, std)
    assert result.level[0] == result.best
    assert spreads[result.best].mean == max(one.mean for one in spreads.values())
    means = [spreads[name].mean for name in result.level]
    assert means == sorted(means, reverse=True)
    if std is None:
        assert set(result.level) == set(spreads)
        assert result.margin is None
    assert result.wins == (len(result.level) == 1)


@given(groups, st.floats(0.1, 10))
def test_who_is_ahead_does_not_hang_on_the_unit(found: dict[str, list[float]], unit: float) -> None:
    grid = {name: [round(value) for value in one] for name, one in found.items()}
    std = 2.5  # off the grid of the means, so that rounding decides nothing
    first = standing({name: spread(one) for name, one in grid.items()}, std)
    scaled = {name: spread([unit * value for value in one]) for name, one in grid.items()}
    second = standing(scaled, unit * std)
    assert len(first.level) == len(second.level)


def test_a_win_needs_more_than_two_standard_errors() -> None:
    error = math.sqrt(2 / 3)
    near = {"a": Spread(60 + 1.9 * error, 1, 3), "b": Spread(60, 1, 3)}
    far = {"a": Spread(60 + 2.1 * error, 1, 3), "b": Spread(60, 1, 3)}
    assert standing(near, 1.0).level == ("a", "b")
    assert standing(far, 1.0).level == ("a",)
    assert standing(far, 1.0).wins
    assert standing(far, 1.0).margin == pytest.approx(2 * error)


def test_equal_figures_are_level() -> None:
    same = {name: Spread(60.0, 0.0, 3) for name in ("a", "b", "c")}
    assert standing(same, 0.0).level == ("a", "b", "c")
