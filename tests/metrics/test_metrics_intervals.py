"""Intervals, classes, comparisons and the file of every query's values."""

import itertools
import json

import numpy as np
import pytest

from dyml.errors import InputError
from dyml.metrics import Result, compare_results, evaluate, latex_table
from dyml.metrics.resampling import bootstrap_means, flipped_means
from dyml.metrics.storage import values_path

SCALES = ("fine", "coarse")


def made(noise, seed=0, rows=120, **options):
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 12, rows)
    centres = rng.normal(size=(12, 6))
    vectors = centres[fine] + noise * np.random.default_rng(seed).normal(size=(rows, 6))
    labels = np.stack([fine + 100, fine // 4], axis=1)
    return evaluate(vectors, labels, scales=SCALES, keep=True, **options)


def test_bootstrap_means_scatter_as_theory_says():
    values = np.random.default_rng(0).normal(size=(400, 2))
    (means,) = bootstrap_means([values], True, 4000, 1)
    np.testing.assert_allclose(means.std(0), values.std(0) / 20, rtol=0.05)
    np.testing.assert_allclose(means.mean(0), values.mean(0), atol=0.005)


def test_parts_are_drawn_together_or_apart():
    values = np.random.default_rng(0).normal(size=(50, 1))
    first, second = bootstrap_means([values, 2 * values], True, 100, 1)
    np.testing.assert_allclose(second, 2 * first, atol=1e-12)
    first, second = bootstrap_means([values, 2 * values], False, 100, 1)
    assert np.abs(second - 2 * first).max() > 0.1
    with pytest.raises(InputError, match="differ in length"):
        bootstrap_means([values, values[1:]], True, 100, 1)


def test_values_that_are_missing_do_not_count():
    values = np.array([[1.0], [np.nan], [3.0]])
    (means,) = bootstrap_means([values], True, 500, 0)
    there = means[~np.isnan(means)]
    assert set(np.round(there, 6)) <= {1.0, 3.0, 2.0, 1.666667, 2.333333}
    assert np.isnan(means).any()  # All three draws were of the middle one.
    (means,) = flipped_means([values], True, 500, 0)
    assert set(means[:, 0]) == {-2.0, -1.0, 1.0, 2.0}


def test_intervals_hold_the_value():
    result = made(1.0, measures=["MRR", "LCA-first"])
    found = result.intervals()
    assert list(found) == ["fine", "coarse", "overall", "multi"]
    rows = {**result.by_scale, "overall": result.overall, "multi": result.multi}
    for part, row in found.items():
        for name, (low, high) in row.items():
            assert low <= rows[part][name] <= high, (part, name)
            assert low < high or rows[part][name] == 1
    assert found == result.intervals()
    assert found != result.intervals(seed=1)
    low, high = result.intervals(level=0.5)["overall"]["mAP"]
    assert found["overall"]["mAP"][0] < low < high < found["overall"]["mAP"][1]


def test_a_scale_without_values_has_no_interval():
    result = evaluate(np.eye(4), [[0, 0], [1, 0], [2, 1], [3, 1]], scales=SCALES, keep=True)
    found = result.intervals(draws=200)
    assert found["fine"]["mAP"] is None
    assert found["overall"]["mAP"] == found["coarse"]["mAP"]


def test_classes():
    result = made(1.0)
    rows = result.per_class("fine")
    assert list(rows) == sorted(set(result.classes[:, 0].tolist()))
    assert sum(row["queries"] for row in rows.values()) == result.by_scale["fine"]["queries"]
    mean = sum(row["queries"] * row["mAP"] for row in rows.values()) / result.by_scale["fine"]["queries"]
    assert mean == pytest.approx(result.by_scale["fine"]["mAP"])
    with pytest.raises(InputError, match=r"no scale 'fin'.*Did you mean 'fine'"):
        result.per_class("fin")


def test_nothing_was_kept():
    result = evaluate(np.eye(4), [0, 0, 1, 1], scales=("a",))
    for ask in (result.intervals, lambda: result.per_class("a")):
        with pytest.raises(InputError, match="keep=True"):
            ask()


def test_a_comparison_by_hand():
    # Three queries: the exact chance over all 2³ signs is what the draws come near.
    first, second = made(1.0, rows=40), made(1.3, seed=3, rows=40)
    found = compare_results(first, second, draws=4000)["fine"]["ASI"]
    delta = second.per_query["fine"]["ASI"] - first.per_query["fine"]["ASI"]
    delta = delta[~np.isnan(delta)]
    assert found.delta == pytest.approx(delta.mean())
    assert found.low < found.delta < found.high
    rng = np.random.default_rng(9)
    means = (rng.choice([-1, 1], (20_000, len(delta))) * delta).mean(1)
    assert found.p == pytest.approx((np.abs(means) >= abs(delta.mean())).mean(), abs=0.03)


def test_signs_over_few_queries_are_exact():
    values = np.array([[0.5], [0.25], [0.125]])
    (means,) = flipped_means([values], True, 20_000, 0)
    expected = {
        sum(s * v for s, v in zip(signs, values[:, 0])) / 3 for signs in itertools.product((-1, 1), repeat=3)
    }
    seen, counts = np.unique(np.round(means, 12), return_counts=True)
    np.testing.assert_allclose(seen, sorted(expected), atol=1e-12)
    assert abs(counts / 20_000 - 1 / 8).max() < 0.01


def test_clear_and_no_differences():
    good, bad = made(0.5, measures=["LCA-errors"]), made(2.0, measures=["LCA-errors"])
    found = compare_results(good, bad)
    assert found["overall"]["mAP"].delta < 0
    assert found["overall"]["mAP"].high < 0
    assert found["overall"]["mAP"].p == pytest.approx(1 / 2001)
    assert found["multi"]["LCA-errors"].p is None  # Each has its own errors.
    same = compare_results(good, good)["overall"]["mAP"]
    assert (same.delta, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_results_that_cannot_be_compared():
    result = made(1.0)
    plain = evaluate(np.eye(4), [0, 0, 1, 1], scales=("a",))
    with pytest.raises(InputError, match="other scales"):
        compare_results(result, plain)
    with pytest.raises(InputError, match=r"other queries: at scale 'fine' one has 120 .* 119 with"):
        compare_results(result, made(1.0, rows=119))
    other = made(1.0, query_ids=range(120))
    with pytest.raises(InputError, match="other protocols, 'leave-one-out' and 'leave-one-out, by id'"):
        compare_results(result, other)
    rng = np.random.default_rng(1)
    shuffled = evaluate(rng.normal(size=(120, 3)), result.classes[::-1], scales=SCALES, keep=True)
    with pytest.raises(InputError, match="another order"):
        compare_results(result, shuffled)
    with pytest.raises(InputError, match="level must lie"):
        compare_results(result, result, level=95)
    with pytest.raises(InputError, match="draws must be 100"):
        result.intervals(draws=10)


def test_without_the_values_there_are_differences_alone():
    result = made(1.0)
    bare = Result.from_dict(result.to_dict())
    found = compare_results(bare, result)["overall"]["mAP"]
    assert (found.delta, found.low, found.p) == (0, None, None)


def test_the_values_are_saved_beside(tmp_path):
    result, target = made(1.0, measures=["precision@3"]), tmp_path / "a" / "result.json"
    result.to_json(target)
    assert sorted(p.name for p in target.parent.iterdir()) == ["result.json", "result.queries.npz"]
    again = Result.from_json(target)
    assert again == result
    np.testing.assert_array_equal(again.classes, result.classes)
    for part, columns in result.per_query.items():
        for name, column in columns.items():
            np.testing.assert_array_equal(again.per_query[part][name], column)
    made(2.0).to_json(tmp_path / "other.json")
    values_path(tmp_path / "other.json").replace(values_path(target))
    with pytest.raises(InputError, match=r"result\.queries\.npz is of another result"):
        Result.from_json(target)
    values_path(target).write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="remove it, or evaluate again"):
        Result.from_json(target)
    Result.from_dict(result.to_dict()).to_json(target)
    assert Result.from_json(target).per_query is None


def test_pickles_are_refused(tmp_path):
    result = made(1.0)
    result.to_json(tmp_path / "r.json")
    np.savez(tmp_path / "r.queries.npz", layout=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="allow_pickle"):
        Result.from_json(tmp_path / "r.json")


def test_the_metrics_of_a_run(tmp_path):
    result = made(1.0)
    (tmp_path / "metrics.json").write_text(json.dumps({"test": result.to_dict(), "baselines": {}}))
    assert Result.from_json(tmp_path / "metrics.json") == result


def test_csv():
    result = evaluate(np.eye(4), [[0, 0], [1, 0], [2, 1], [3, 1]], scales=SCALES, ks=(1,))
    lines = result.to_csv().splitlines()
    assert lines[:2] == ["scale,measure,value", "fine,mAP,"]
    assert f"coarse,mAP,{result.by_scale['coarse']['mAP']!r}" in lines
    assert "fine,without relevant,4" in lines


def test_latex():
    result = made(1.0)
    text = latex_table({"a_b & c": result, "other": made(2.0)})
    assert r"a\_b \& c & " in text
    head = next(line for line in text.splitlines() if line.startswith("method"))
    assert head == "method" + " & ASI & mAP & R@1" * 3 + r" \\"
    row = next(line for line in text.splitlines() if line.startswith("a"))
    values = [f"{100 * result.by_scale['fine'][name]:.1f}" for name in ("ASI", "mAP", "CMC@1")]
    assert row.split(" & ")[1:4] == values
    assert row.endswith(rf"{100 * result.overall['CMC@1']:.1f} \\")
    assert "dyml & " in result.to_latex()
    with pytest.raises(InputError, match="no measure 'MRR'"):
        latex_table({"a": result}, ["MRR"])
    with pytest.raises(InputError, match="no results"):
        latex_table({})
