"""Error rates and thresholds against counting one by one, and against scikit-learn."""

import numpy as np
import pytest
from gauge_data import all_pairs, error_rates, tree_data
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from dyml.errors import InputError
from dyml.gauge.criteria import DEFAULT, parse_criterion, pick, precision
from dyml.gauge.marks import figures_for
from dyml.gauge.pairs import draw_pairs
from dyml.gauge.priors import level_prior, scale_chances
from dyml.gauge.rates import Rates, all_rates, cut_points, thinned

SIMILARITIES = st.lists(
    st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 0.5 + 2**-53, 1.0]), st.integers(0, 3)),
    min_size=1,
    max_size=40,
)


def rates_of(pairs: list[tuple[float, int]], scales: int) -> Rates:
    return all_rates(np.array([s for s, _ in pairs]), np.array([shared for _, shared in pairs]), scales)


@given(SIMILARITIES)
@settings(max_examples=150, deadline=None)
def test_rates_are_those_counted_one_by_one(pairs: list[tuple[float, int]]) -> None:
    rates = rates_of(pairs, 3)
    counts = np.bincount([shared for _, shared in pairs], minlength=4)
    assert len(rates.cuts) == len({s for s, _ in pairs})
    assert (np.diff(rates.cuts) < 0).all()
    for m in range(3):
        found = rates.at_scale(m, counts / counts.sum())
        if not counts[3 - m :].sum() or not counts[: 3 - m].sum():
            assert found is None
            continue
        assert found is not None
        for cut, false_accept, true_accept in zip(rates.cuts, *found):
            expected = error_rates(pairs, 3, m, cut)
            assert (false_accept, 1 - true_accept) == pytest.approx(expected, abs=1e-12)


@given(SIMILARITIES)
@settings(max_examples=100, deadline=None)
def test_rates_are_those_of_scikit_learn(pairs: list[tuple[float, int]]) -> None:
    rates = rates_of(pairs, 3)
    counts = np.bincount([shared for _, shared in pairs], minlength=4)
    for m in range(3):
        found = rates.at_scale(m, counts / counts.sum())
        if found is None:
            continue
        same = [shared >= 3 - m for _, shared in pairs]
        fpr, tpr, _ = roc_curve(same, [s for s, _ in pairs], drop_intermediate=False)
        np.testing.assert_allclose(found[0], fpr[1:], atol=1e-12)
        np.testing.assert_allclose(found[1], tpr[1:], atol=1e-12)


@pytest.mark.parametrize("noise", [0.1, 0.6, 3.0])
def test_equal_errors_are_where_scikit_learns_curve_crosses(noise: float) -> None:
    embeddings, labels = tree_data(noise=noise)
    pairs = all_pairs(embeddings, labels)
    rates, prior = rates_of(pairs, 3), level_prior("data", draw_pairs(labels).totals, ("a", "b", "c"))
    for m in range(3):
        figures = figures_for(rates, m, prior, parse_criterion("eer"))
        fpr, tpr, _ = roc_curve([level >= 3 - m for _, level in pairs], [s for s, _ in pairs])
        best = np.abs(fpr - (1 - tpr)).argmin()
        assert figures is not None
        eer = (figures["false_accept"] + figures["false_reject"]) / 2
        assert eer == pytest.approx((fpr[best] + 1 - tpr[best]) / 2, abs=0.02)
        measured = error_rates(pairs, 3, m, figures["similarity"])
        assert measured == pytest.approx((figures["false_accept"], figures["false_reject"]), abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_every_criterion_does_what_it_says(seed: int) -> None:
    embeddings, labels = tree_data(branches=2, noise=1.0, seed=seed)
    pairs = all_pairs(embeddings, labels)
    rates = rates_of(pairs, 3)
    prior = level_prior("data", draw_pairs(labels).totals, ("a", "b", "c"))
    values = sorted({s for s, _ in pairs})
    for m in range(3):
        chance = scale_chances(prior)[m]
        brute = [(cut, *error_rates(pairs, 3, m, cut)) for cut in values]
        f1 = [2 * chance * (1 - fr) / (chance * (1 - fr) + (1 - chance) * fa + chance) for _, fa, fr in brute]
        good = [chance * (1 - fr) / (chance * (1 - fr) + (1 - chance) * fa) for _, fa, fr in brute]
        by = {text: figures_for(rates, m, prior, parse_criterion(text)) for text in DEFAULT[:-1]}
        assert by["eer"] is not None
        assert abs(by["eer"]["false_accept"] - by["eer"]["false_reject"]) == pytest.approx(
            min(abs(fa - fr) for _, fa, fr in brute), abs=1e-12
        )
        assert by["f1"] is not None
        assert by["f1"]["f1"] == pytest.approx(max(f1), abs=1e-12)
        for text, limit in (("far=0.01", 0.01), ("far=0.001", 0.001)):
            allowed = [fr for _, fa, fr in brute if fa <= limit + 1e-12 and fr < 1]
            if not allowed:
                assert by[text] is None
                continue
            assert by[text] is not None
            assert by[text]["false_accept"] <= limit + 1e-12
            assert by[text]["false_reject"] == pytest.approx(min(allowed), abs=1e-12)
        allowed = [fr for (_, _, fr), share in zip(brute, good) if share >= 0.9]
        if not allowed:
            assert by["precision=0.9"] is None
            continue
        assert by["precision=0.9"] is not None
        assert by["precision=0.9"]["precision"] >= 0.9 - 1e-12
        assert by["precision=0.9"]["false_reject"] == pytest.approx(min(allowed), abs=1e-12)


def test_a_gap_is_cut_in_its_middle() -> None:
    rates = rates_of([(0.9, 1), (0.7, 1), (0.3, 0), (0.1, 0)], 1)
    figures = figures_for(rates, 0, np.array([0.5, 0.5]), parse_criterion("eer"))
    assert figures is not None
    assert figures["similarity"] == pytest.approx(0.5)
    assert (figures["false_accept"], figures["false_reject"]) == (0, 0)
    assert figures["distance"] == pytest.approx(1.0)


def test_a_rate_that_is_just_allowed_is_allowed() -> None:
    """1 of 100 is 0.01, although sums of shares round."""
    pairs = [(0.9, 2), (0.8, 0), (0.7, 2), *((0.1 + i / 1e4, i % 2) for i in range(99))]
    counts = np.bincount([shared for _, shared in pairs])
    figures = figures_for(rates_of(pairs, 2), 0, counts / counts.sum(), parse_criterion("far=0.01"))
    assert figures is not None
    assert figures["false_reject"] == pytest.approx(0)


def test_neighbouring_floats_are_still_told_apart() -> None:
    low = np.nextafter(0.5, 0)
    cuts = cut_points(np.array([low, 0.5]))
    assert low < cuts[0] <= 0.5
    assert cuts[1] == low


def test_one_similarity_for_all_tells_nothing() -> None:
    rates = rates_of([(0.5, 1), (0.5, 0), (0.5, 0)], 1)
    prior = np.array([2 / 3, 1 / 3])
    figures = figures_for(rates, 0, prior, parse_criterion("eer"))
    assert figures is not None
    assert (figures["false_accept"] + figures["false_reject"]) / 2 == 0.5
    assert figures_for(rates, 0, prior, parse_criterion("far=0.01")) is None


def test_thinned_rates_stay_exact_and_fine_in_the_tails() -> None:
    rng = np.random.default_rng(0)
    shared = rng.integers(0, 3, 20_000)
    similarity = np.tanh(rng.normal(shared * 0.4, 0.5))
    full = all_rates(similarity, shared, 2)
    few = thinned(full)
    assert len(few.cuts) < 1200
    where = np.searchsorted(-full.cuts, -few.cuts)
    np.testing.assert_array_equal(full.accepted[:, where], few.accepted)
    prior = np.array([0.9, 0.09, 0.01])
    for text in DEFAULT[:-1]:
        for m in range(2):
            exact, close = (figures_for(r, m, prior, parse_criterion(text)) for r in (full, few))
            if exact is None or close is None:
                continue
            assert close["f1"] == pytest.approx(exact["f1"], rel=0.1)
            if text != "f1":  # its optimum is flat
                assert close["false_reject"] == pytest.approx(exact["false_reject"], abs=0.01)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("err", "Did you mean 'eer'?"),
        ("far", "no number behind far="),
        ("far=much", "no number behind far="),
        ("far=2", "between 0 and 1"),
        ("precision=nan", "between 0 and 1"),
        ("eer=0.1", "eer takes no value"),
    ],
)
def test_an_unknown_criterion_is_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_criterion(text)


def test_criteria_are_read_back_as_they_are_written() -> None:
    for text in (*DEFAULT, "far=1.234567890123e-05"):
        assert str(parse_criterion(str(parse_criterion(text)))) == str(parse_criterion(text))
    with pytest.raises(InputError, match="not chosen by error rates"):
        pick(parse_criterion("p=0.5"), np.array([0.0]), np.array([1.0]), 0.5)


def test_precision_of_nothing_is_nothing() -> None:
    assert precision(np.array([0.0]), np.array([0.0]), 0.5).tolist() == [0.0]
