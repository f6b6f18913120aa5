import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dyml.gauge.calibration import Curve, constant, isotonic, logistic, proper_score
from dyml.gauge.consistency import consistent, crossing, joined, with_prior
from dyml.gauge.judged import reliability

SHARES = st.floats(0, 1, width=32)


def noisy(count: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-1, 1, count)
    same = rng.random(count) < 1 / (1 + np.exp(-(6 * similarity - 2)))
    return similarity, same, np.ones(count)


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_a_fit_rises_and_finds_the_truth(fit: object) -> None:
    curve = fit(*noisy())  # type: ignore[operator]
    assert (np.diff(curve.similarity) > 0).all()
    assert (np.diff(curve.chance) >= 0).all()
    where = np.linspace(-0.9, 0.9, 50)
    np.testing.assert_allclose(curve(where), 1 / (1 + np.exp(-(6 * where - 2))), atol=0.12)


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_weights_count_as_copies(fit: object) -> None:
    similarity, same, _ = noisy(2000)
    twice = np.r_[np.arange(2000), np.flatnonzero(~same)]
    copies = fit(similarity[twice], same[twice], np.ones(len(twice)))  # type: ignore[operator]
    weighted = fit(similarity, same, np.where(same, 1.0, 2.0))  # type: ignore[operator]
    where = np.linspace(-0.8, 0.8, 30)
    np.testing.assert_allclose(copies(where), weighted(where), atol=0.01)


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_perfect_separation_is_not_certainty(fit: object) -> None:
    similarity = np.linspace(-1, 1, 40)
    curve = fit(similarity, similarity > 0, np.ones(40))  # type: ignore[operator]
    assert 0 < curve(np.array(-1.0)) < 0.2
    assert 0.8 < curve(np.array(1.0)) < 1


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_a_metric_that_points_the_wrong_way_gives_a_level_curve(fit: object) -> None:
    similarity, same, weights = noisy()
    curve = fit(-similarity, same, weights)  # type: ignore[operator]
    assert np.ptp(curve.chance) < 0.1
    assert curve(np.array(0.0)) == pytest.approx(same.mean(), abs=0.05)


@pytest.mark.parametrize("fit", [isotonic, logistic])
def test_one_similarity_for_all_gives_the_share(fit: object) -> None:
    curve = fit(np.full(98, 0.5), np.arange(98) < 49, np.ones(98))  # type: ignore[operator]
    assert curve(np.array([-1.0, 0.5, 1.0])).tolist() == pytest.approx([0.5] * 3)


def test_rare_pairs_are_fitted_as_well_as_frequent_ones() -> None:
    similarity, same, _ = noisy(20_000)
    curve = logistic(similarity, same, np.where(same, 1e-4, 1.0))
    odds = np.log(curve(np.array([0.0])) / (1 - curve(np.array([0.0]))))
    assert odds[0] == pytest.approx(-2 + np.log(1e-4), abs=0.3)


def test_one_kind_of_pairs_follows_laplace() -> None:
    assert constant(np.zeros(8, bool), np.ones(8))(np.array(0.3)) == pytest.approx(0.1)
    assert constant(np.ones(8, bool), np.ones(8))(np.array(0.3)) == pytest.approx(0.9)


def test_scores_are_the_usual_ones() -> None:
    from sklearn.metrics import brier_score_loss, log_loss

    rng = np.random.default_rng(0)
    chance, same, weights = rng.random(50), rng.random(50) < 0.5, rng.random(50)
    assert proper_score("log_loss", chance, same, weights) == pytest.approx(
        log_loss(same, chance, sample_weight=weights)
    )
    assert proper_score("brier", chance, same, weights) == pytest.approx(
        brier_score_loss(same, chance, sample_weight=weights)
    )


@given(arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=SHARES))
@settings(max_examples=150, deadline=None)
def test_scales_are_made_to_agree_and_keep_rising(table: np.ndarray) -> None:
    from sklearn.isotonic import isotonic_regression

    rising = np.sort(table, axis=0)
    made = consistent(rising)
    assert (np.diff(made, axis=1) >= 0).all()
    assert (np.diff(made, axis=0) >= -1e-12).all()
    for row, expected in zip(made, rising):
        np.testing.assert_allclose(row, isotonic_regression(expected), atol=1e-9)


@given(st.lists(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=8), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_joined_curves_agree_between_their_knots_too(points: list[list[tuple[float, float]]]) -> None:
    curves = [Curve(np.unique([x for x, _ in some]), np.array([])) for some in points]
    curves = [
        Curve(curve.similarity, np.sort([y for _, y in some])[: len(curve.similarity)])
        for curve, some in zip(curves, points)
    ]
    knots, table = joined(curves)
    where = np.linspace(-0.5, 1.5, 101)
    drawn = np.stack([np.interp(where, knots, column) for column in table.T], axis=1)
    assert (np.diff(drawn, axis=0) >= -1e-12).all()
    assert (np.diff(drawn, axis=1) >= -1e-12).all()


def test_many_knots_are_thinned() -> None:
    knots, table = joined([Curve(np.linspace(-1, 1, 5000), np.linspace(0, 1, 5000))], most=100)
    assert len(knots) == 100
    np.testing.assert_allclose(table[:, 0], (knots + 1) / 2, atol=1e-9)


@given(arrays(np.float64, (6, 3), elements=SHARES), st.lists(st.floats(0.01, 1), min_size=8, max_size=8))
@settings(max_examples=100, deadline=None)
def test_another_prior_keeps_the_order(table: np.ndarray, numbers: list[float]) -> None:
    made = consistent(np.sort(table, axis=0))
    old, new = np.array(numbers[:4]), np.array(numbers[4:])
    shifted = with_prior(made, old / old.sum(), new / new.sum())
    assert (np.diff(shifted, axis=0) >= -1e-12).all()
    assert (np.diff(shifted, axis=1) >= 0).all()
    assert ((shifted >= 0) & (shifted <= 1)).all()


def test_another_prior_follows_bayes() -> None:
    one_scale = np.array([[0.1], [0.5], [0.9]])
    shifted = with_prior(one_scale, np.array([0.9, 0.1]), np.array([0.5, 0.5]))
    odds = one_scale / (1 - one_scale) * 9
    np.testing.assert_allclose(shifted, odds / (1 + odds))


def test_where_a_curve_crosses() -> None:
    knots, row = np.array([0.0, 0.5, 1.0]), np.array([0.2, 0.4, 0.8])
    assert crossing(knots, row, 0.6) == pytest.approx(0.75)
    assert crossing(knots, row, 0.1) == -1.0
    assert crossing(knots, row, 0.9) is None


def test_reliability_of_true_probabilities_is_good_and_of_wrong_ones_is_bad() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random(50_000)
    same = rng.random(50_000) < chance
    good, bad = (reliability(p, same, np.ones(50_000)) for p in (chance, np.sqrt(chance)))
    assert good.ece < 0.01
    assert bad.ece == pytest.approx(np.mean(np.sqrt(chance) - chance), abs=0.01)
    assert good.log_loss < bad.log_loss
    assert sum(row.weight for row in good.bins) == pytest.approx(1)


def test_reliability_weighs_pairs() -> None:
    result = reliability(np.array([0.2, 0.2, 1.0]), np.array([True, False, True]), np.array([1.0, 3.0, 4.0]))
    assert [(row.predicted, row.observed, row.weight) for row in result.bins] == [
        pytest.approx((0.2, 0.25, 0.5)),
        pytest.approx((1.0, 1.0, 0.5)),
    ]
    assert result.ece == pytest.approx(0.025)
