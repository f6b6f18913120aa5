import numpy as np
import pytest
from gauge_data import tree_data

from dyml.gauge import fit_gauge
from dyml.gauge.bootstrap import bootstrap_rates
from dyml.gauge.criteria import parse_criterion
from dyml.gauge.marks import estimate, figures_for
from dyml.gauge.pairs import draw_pairs, pair_similarities
from dyml.gauge.rates import cut_points, places, rates_at


def replicates(unit: str = "class", seed: int = 0, count: int = 3) -> list:
    embeddings, labels = tree_data(2)
    pairs = draw_pairs(labels)
    unit_rows = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return bootstrap_rates(pair_similarities(unit_rows, pairs), pairs, labels, count, unit, seed)


def test_the_seed_decides() -> None:
    for unit in ("class", "picture"):
        one, same, other = (replicates(unit, seed) for seed in (0, 0, 1))
        assert all((a.accepted == b.accepted).all() for a, b in zip(one, same))
        assert any((a.accepted != b.accepted).any() for a, b in zip(one, other))
    assert replicates(count=0) == []


def test_a_replicate_is_what_copying_whole_classes_gives() -> None:
    embeddings, labels = tree_data(2)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    pairs = draw_pairs(labels)
    similarity = pair_similarities(embeddings, pairs)
    made = bootstrap_rates(similarity, pairs, labels, 1, "class", seed=4)[0]
    drawn = np.bincount(np.random.default_rng(4).integers(0, 9, 9), minlength=9)
    for cut, column in zip(made.cuts[::50], made.accepted.T[::50]):
        for level in range(3):
            counts = [0.0, 0.0]
            for i, j, s, shared in zip(pairs.first, pairs.second, similarity, pairs.shared):
                if shared == level:
                    a, b = labels[i, 0], labels[j, 0]
                    weight = drawn[a] if a == b else drawn[a] * drawn[b]
                    counts[0] += weight * (s >= cut)
                    counts[1] += weight
            assert column[level] == pytest.approx(counts[0] / counts[1])


def test_intervals_hold_the_truth_where_those_of_drawn_pairs_would_be_too_narrow() -> None:
    """The EER of fresh classes from one source lies in most intervals."""
    truth = fit_gauge(*tree_data(1, 400, 4, dim=4, seed=99), ("fine",), replicates=0).range.eer[0]
    assert truth is not None
    hits, widths, naive = 0, [], []
    for seed in range(12):
        embeddings, labels = tree_data(1, 25, 4, dim=4, seed=seed)
        eer = fit_gauge(embeddings, labels, ("fine",), replicates=100).range.eer[0]
        assert eer is not None
        assert eer.low is not None
        assert eer.high is not None
        hits += eer.low <= truth.value <= eer.high
        widths.append(eer.high - eer.low)
        naive.append(width_of_drawn_pairs(embeddings, labels))
    assert hits >= 9
    assert np.mean(widths) > 1.25 * np.mean(naive)


def width_of_drawn_pairs(embeddings: np.ndarray, labels: np.ndarray) -> float:
    pairs, rng = draw_pairs(labels), np.random.default_rng(0)
    unit_rows = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = pair_similarities(unit_rows, pairs)
    cuts = cut_points(similarity)
    errors = []
    for _ in range(100):
        drawn = np.bincount(rng.integers(0, len(pairs), len(pairs)), minlength=len(pairs)).astype(float)
        rates = rates_at(places(similarity, cuts), pairs.shared, 1, cuts, drawn)
        figures = figures_for(rates, 0, np.array([0.5, 0.5]), parse_criterion("eer"))
        assert figures is not None
        errors.append((figures["false_accept"] + figures["false_reject"]) / 2)
    return float(np.subtract(*np.quantile(errors, [0.975, 0.025])))


def test_few_replicates_make_no_interval() -> None:
    assert estimate(1.0, [1.0] * 9).low is None
    assert estimate(1.0, list(np.linspace(0, 1, 101))).low == pytest.approx(0.025)
