"""Measures beyond the usual table, against loops from their definitions, and against sklearn."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metrics_brute_force import ranked_lists
from sklearn.metrics import ndcg_score

from dyml.errors import InputError
from dyml.metrics import Result, evaluate
from dyml.metrics.chosen import checked_measures

KS = (1, 3, 50)
NAMES = [f"{stem}@{k}" for stem in ("precision", "share-found", "mAP", "NDCG") for k in KS]
NAMES += ["MRR", "LCA-first", "LCA-errors"]


def by_loops(hits, name):
    stem, _, k = name.partition("@")
    k, total = int(k or 0), sum(hits)
    if total == 0:
        return math.nan
    if stem == "precision":
        return sum(hits[:k]) / k
    if stem == "share-found":
        return sum(hits[:k]) / total
    if stem == "mAP":
        return sum(sum(hits[: i + 1]) / (i + 1) for i in range(min(k, len(hits))) if hits[i]) / min(k, total)
    return 1 / (hits.index(True) + 1)


def over_all_scales(levels, scales, name, linear):
    if not any(levels):
        return math.nan
    if name == "LCA-first":
        return scales - levels[0]
    if name == "LCA-errors":
        return scales - levels[0] if scales in levels and levels[0] < scales else math.nan
    k = int(name.partition("@")[2])

    def total(sequence):
        gains = [level if linear else 2**level - 1 for level in sequence[:k]]
        return sum(gain / math.log2(i + 2) for i, gain in enumerate(gains))

    return total(levels) / total(sorted(levels, reverse=True))


@pytest.mark.parametrize("engine", ["sorting", "counting"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3]), st.booleans())
def test_chosen_measures_equal_the_loops(engine, seed, scales, linear):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(3, 30))
    fine = rng.integers(0, 8, rows)
    labels = np.stack([fine // 2**m for m in range(scales)], axis=1)
    labels[:2] = 0
    vectors = rng.integers(-2, 3, (rows, 3)).astype(np.float64)
    names = tuple("abc"[:scales])
    options = {"scales": names, "measures": NAMES, "gain": "linear" if linear else "exponential"}
    result = evaluate(vectors, labels, similarity="dot", keep=True, engine=engine, **options)
    for q, order in enumerate(ranked_lists(vectors, vectors, lambda q, j: q == j, "dot")):
        shared = [(labels[j] == labels[q]).tolist() for j in order]
        for m, scale in enumerate(names):
            for name in [*NAMES[:9], "MRR"]:
                expected = by_loops([row[m] for row in shared], name)
                got = result.per_query[scale][name][q]
                np.testing.assert_allclose(got, expected, atol=1e-12, rtol=0, err_msg=name)
        for name in [*NAMES[9:12], "LCA-first", "LCA-errors"]:
            expected = over_all_scales([sum(row) for row in shared], scales, name, linear)
            got = result.per_query["multi"][name][q]
            np.testing.assert_allclose(got, expected, atol=1e-12, rtol=0, err_msg=name)


def test_ndcg_agrees_with_sklearn():
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 12, 90)
    labels, vectors = np.stack([fine, fine // 4], axis=1), rng.normal(size=(90, 6))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    levels = (labels[:10, None] == labels[None, 10:]).sum(2)
    result = evaluate(
        *(vectors[:10], labels[:10], vectors[10:], labels[10:]),
        scales=("fine", "coarse"),
        measures=["NDCG@7"],
        gain="linear",
    )
    similarity = unit[:10] @ unit[10:].T
    assert result.multi["NDCG@7"] == pytest.approx(ndcg_score(levels, similarity, k=7), abs=1e-12)
    assert result.multi["NDCG"] == pytest.approx(ndcg_score(levels, similarity), abs=1e-12)


def test_the_usual_table_stays_as_it_is(tmp_path):
    embeddings, labels = np.eye(4), [[0, 0], [0, 0], [1, 0], [1, 0]]
    usual = evaluate(embeddings, labels, scales=("f", "c"))
    more = evaluate(
        embeddings, labels, scales=("f", "c"), measures=["MRR", "precision@2", "LCA-first", "MRR"]
    )
    assert list(more.overall) == [*usual.overall, "MRR", "precision@2"]
    assert list(more.multi) == [*usual.multi, "LCA-first"]
    assert {name: more.overall[name] for name in usual.overall} == usual.overall
    # Equal similarities rank in gallery order: every list but that of row 1 begins with row 0.
    assert more.multi["LCA-first"] == (1 + 0 + 1 + 1) / 4 + (0 - 1) / 4
    assert f"LCA-first {more.multi['LCA-first']:.2f}" in more.table()
    more.to_json(tmp_path / "r.json")
    assert Result.from_json(tmp_path / "r.json") == more


def test_a_share_found_is_no_cumulative_match():
    result = evaluate(np.eye(5), [0] * 5, scales=("a",), ks=(2,), measures=["share-found@2"])
    assert result.by_scale["a"]["CMC@2"] == 1
    assert result.by_scale["a"]["share-found@2"] == 0.5


@pytest.mark.parametrize("name", ["recall@5", "precision", "precision@0", "MRR@3", "mAP@", "ndcg@5", ""])
def test_names_that_are_none(name):
    with pytest.raises(InputError, match=r"no measure .*There are.*precision@10, share-found@10"):
        checked_measures([name])


def test_other_errors():
    with pytest.raises(InputError, match="Did you mean 'precision@10'"):
        checked_measures(["precison@10"])
    with pytest.raises(InputError, match="not the text 'MRR'"):
        checked_measures("MRR")
    with pytest.raises(InputError, match=r"gain must be one of .*Did you mean 'linear'"):
        evaluate(np.eye(2), [0, 0], scales=("a",), gain="liner")
