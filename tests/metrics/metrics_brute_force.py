"""Every measure by loops, straight from its definition: independent of the package's code."""

from __future__ import annotations

import math

import numpy as np


def ranked_lists(query, gallery, left_out, similarity="cosine"):
    """Return, per query, the gallery positions in rank order (float64, ties in gallery order).

    `left_out(q, j)` says whether query q leaves out item j.
    """

    def prepared(row):
        row = [float(x) for x in row]
        length = math.sqrt(sum(x * x for x in row)) if similarity == "cosine" else 1.0
        return [x / length for x in row] if length else row

    rows = [prepared(row) for row in gallery]
    lists = []
    for q, vector in enumerate(map(prepared, query)):
        scored = [(-sum(a * b for a, b in zip(vector, row)), j) for j, row in enumerate(rows)]
        lists.append([j for _, j in sorted(scored) if not left_out(q, j)])
    return lists


def measures_of_list(labels, item_labels, ks, alpha):
    """Return ({measure: value} per scale, {graded measure: value}) of one ranked list; None without relevant.

    Args:
        labels: the query's class at every scale, finest first.
        item_labels: the same for the items, in rank order.
    """
    scales = len(labels)
    single = []
    for m in range(scales):
        hits = [item[m] == labels[m] >= 0 for item in item_labels]
        single.append(_single(hits, ks))
    levels = [sum(a == b >= 0 for a, b in zip(item, labels)) for item in item_labels]
    return single, _graded(levels, scales, alpha)


def _single(hits, ks):
    r = sum(hits)
    if r == 0:
        return None
    ranks = [i + 1 for i, hit in enumerate(hits) if hit]
    values = {
        "mAP": sum(sum(hits[:rank]) / rank for rank in ranks) / r,
        "ASI": sum(sum(hits[:k]) / k for k in range(1, r + 1)) / r,
        "mAP@R": sum(sum(hits[:rank]) / rank for rank in ranks if rank <= r) / r,
        "R-precision": sum(hits[:r]) / r,
    }
    for k in ks:
        values[f"CMC@{k}"] = float(any(hits[:k]))
    return values


def _graded(levels, scales, alpha):
    related = [level for level in levels if level > 0]
    if not related:
        return None

    def relevance(level):
        return (level / scales) ** alpha / levels.count(level) if level else 0.0

    rel = [relevance(level) for level in levels]
    h_ap = 0.0
    for k, level in enumerate(levels):
        if level > 0:
            h_rank = rel[k] + sum(min(rel[j], rel[k]) for j in range(k))
            h_ap += h_rank / (k + 1)
    ideal = sorted(levels, reverse=True)

    def gain(sequence):
        return sum((2**level - 1) / math.log2(k + 2) for k, level in enumerate(sequence))

    asi = 0.0
    for k in range(1, len(related) + 1):
        asi += sum(min(levels[:k].count(v), ideal[:k].count(v)) for v in range(1, scales + 1)) / k
    return {"H-AP": h_ap / sum(rel), "NDCG": gain(levels) / gain(ideal), "ASI": asi / len(related)}


def evaluate_by_loops(
    query, query_labels, gallery, gallery_labels, scales, ks, alpha, similarity="cosine", left_out=None
):
    """Return what `Result.to_dict` should be. `gallery` None: leave-one-out, besides what `left_out` says."""
    own = gallery is None
    items, item_labels = (query, query_labels) if own else (gallery, gallery_labels)
    per_scale = [[] for _ in scales]
    graded = []

    def out(q, j):
        return (own and q == j) or (left_out is not None and left_out(q, j))

    for q, order in enumerate(ranked_lists(query, items, out, similarity)):
        listed = [tuple(item_labels[j]) for j in order]
        single, multi = measures_of_list(tuple(query_labels[q]), listed, ks, alpha)
        for values, row in zip(per_scale, single):
            values.append(row)
        graded.append(multi)
    names = ["mAP", "ASI", *(f"CMC@{k}" for k in ks), "mAP@R", "R-precision"]
    result = {}
    for scale, rows in zip(scales, per_scale):
        there = [row for row in rows if row is not None]
        result[scale] = {n: sum(row[n] for row in there) / len(there) if there else None for n in names}
        result[scale] |= {"queries": len(there), "without relevant": len(rows) - len(there)}
    result["overall"] = {}
    for n in names:
        values = [result[scale][n] for scale in scales if result[scale][n] is not None]
        result["overall"][n] = sum(values) / len(values) if values else None
    there = [row for row in graded if row is not None]
    result["multi"] = {n: sum(row[n] for row in there) / len(there) for n in ("H-AP", "NDCG", "ASI") if there}
    return result


def assert_same(got, expected, tolerance=1e-12):
    """Compare two results in the form of `to_dict`, numbers to `tolerance`; not their protocols."""
    got, expected = ({k: v for k, v in r.items() if k != "protocol"} for r in (got, expected))
    assert list(got) == list(expected)
    for part, row in expected.items():
        assert set(got[part]) == set(row), part
        for name, value in row.items():
            if value is None:
                assert got[part][name] is None, (part, name)
            else:
                np.testing.assert_allclose(
                    got[part][name], value, atol=tolerance, rtol=0, err_msg=f"{part} {name}"
                )
