"""The measures, from the ranks of a query's relevant items alone.

They equal the definitions in `single_scale` and `graded`, rewritten so that items that are not relevant need
not be seen. With ascending ranks r_1 < … < r_R of the relevant items and harmonic numbers H:

    AP   = (1/R) Σ_i i / r_i
    ASI  = (1/R) Σ_{k≤R} (1/k) #{i: r_i ≤ k}  =  (1/R) Σ_{i: r_i≤R} (H(R) − H(r_i − 1))
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.compiled import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Tables(NamedTuple):
    """Numbers that every query needs, for lists of up to N items.

    Attributes:
        harmonic: (N + 1,) the sum of 1/k over k = 1 … n.
        discount: (N + 1,) 1 / log2(1 + rank); the first is not used.
        discounts: (N + 1,) the sum of the discounts of ranks 1 … n.
        weight: (L + 1,) (l / L)^α.
        gain: (L + 1,) 2^l − 1, or l.
    """

    harmonic: Floats
    discount: Floats
    discounts: Floats
    weight: Floats
    gain: Floats


def make_tables(items: int, num_scales: int, alpha: float, linear_gain: bool = False) -> Tables:
    """Fill the tables for lists of `items` items, L scales, H-AP's α and NDCG's gain."""
    ranks = np.arange(1, items + 1, dtype=np.float64)
    discount = np.concatenate([[0.0], 1 / np.log2(1 + ranks)])
    levels = np.arange(num_scales + 1, dtype=np.float64)
    weight = (levels / num_scales) ** alpha
    weight[0] = 0
    harmonic = np.concatenate([[0.0], np.cumsum(1 / ranks)])
    return Tables(harmonic, discount, np.cumsum(discount), weight, levels if linear_gain else 2**levels - 1)


@compiled
def measure_lists(
    ranks: Ints,
    positions: Ints,
    offsets: Ints,
    query_codes: Ints,
    item_codes: Ints,
    ks: Ints,
    tables: Tables,
    single: Floats,
    multi: Floats,
) -> None:
    """Fill the measures of some queries.

    Args:
        ranks: (n,) ranks of the items that share the coarsest scale, query after query, ascending in each.
        positions: (n,) the gallery positions of these items.
        offsets: (B + 1,) where each query begins in the two.
        query_codes: (B, L) classes, finest first, nested.
        item_codes: (N, L) classes of the gallery.
        ks: the k of CMC@k.
        tables: from `make_tables`.
        single: (B, L, M), filled as in `Scores`.
        multi: (B, 3), filled as in `Scores`.
    """
    num_scales = query_codes.shape[1]
    for q in range(len(offsets) - 1):
        all_ranks = ranks[offsets[q] : offsets[q + 1]]
        levels = _levels(positions[offsets[q] : offsets[q + 1]], query_codes[q], item_codes)
        for scale in range(num_scales):
            chosen = all_ranks
            if scale < num_scales - 1:
                chosen = _at_level(all_ranks, levels, num_scales - scale)
            single[q, scale] = np.nan
            if len(chosen) > 0:
                _fill_single(chosen, ks, tables.harmonic, single[q, scale])
        multi[q] = np.nan
        if len(all_ranks) > 0:
            multi[q, 1] = _discounted_gain(all_ranks, levels, tables)
            if num_scales == 1:
                # With one scale these two are the plain measures.
                multi[q, 0], multi[q, 2] = single[q, 0, 0], single[q, 0, 1]
            else:
                multi[q, 0] = _hierarchical_average_precision(all_ranks, levels, tables.weight)
                multi[q, 2] = _graded_set_intersection(all_ranks, levels, num_scales)


@compiled
def _levels(positions: Ints, query: Ints, item_codes: Ints) -> Ints:
    levels = np.ones(len(positions), np.int64)
    for i in range(len(positions)):
        for scale in range(len(query) - 1):
            levels[i] += item_codes[positions[i], scale] == query[scale]
    return levels


@compiled
def _at_level(ranks: Ints, levels: Ints, least: int) -> Ints:
    chosen = np.empty(len(ranks), np.int64)
    count = 0
    for i in range(len(ranks)):
        chosen[count] = ranks[i]
        count += levels[i] >= least
    return chosen[:count]


@compiled
def _fill_single(ranks: Ints, ks: Ints, harmonic: Floats, out: Floats) -> None:
    """Fill one scale's measures in the order of `single_names`."""
    relevant = len(ranks)
    precision, precision_in_r, intersection, within = 0.0, 0.0, 0.0, 0
    while within < relevant and ranks[within] <= relevant:
        precision_in_r += (within + 1) / ranks[within]
        intersection += harmonic[relevant] - harmonic[ranks[within] - 1]
        within += 1
    precision = precision_in_r
    for i in range(within, relevant):
        precision += (i + 1) / ranks[i]
    out[0] = precision / relevant
    out[1] = intersection / relevant
    for i in range(len(ks)):
        out[2 + i] = 1.0 if ranks[0] <= ks[i] else 0.0
    out[2 + len(ks)] = precision_in_r / relevant
    out[3 + len(ks)] = within / relevant


@compiled
def _discounted_gain(ranks: Ints, levels: Ints, tables: Tables) -> float:
    discount, gain, discounts = tables.discount, tables.gain, tables.discounts
    counts = _count_levels(levels, len(gain) - 1)
    found, ideal, stop = 0.0, 0.0, 0
    for i in range(len(ranks)):
        found += gain[levels[i]] * discount[ranks[i]]
    for level in range(len(gain) - 1, 0, -1):
        ideal += gain[level] * (discounts[stop + counts[level]] - discounts[stop])
        stop += counts[level]
    return found / ideal


@compiled
def _hierarchical_average_precision(ranks: Ints, levels: Ints, weight: Floats) -> float:
    counts = _count_levels(levels, len(weight) - 1)
    relevance = weight / np.maximum(counts, 1)
    before = np.zeros(len(weight), np.int64)
    total = 0.0
    for i in range(len(ranks)):
        own = relevance[levels[i]]
        before[levels[i]] += 1
        h_rank = 0.0
        for level in range(1, len(weight)):
            h_rank += before[level] * min(relevance[level], own)
        total += h_rank / ranks[i]
    return total / (relevance * counts).sum()


@compiled
def _graded_set_intersection(ranks: Ints, levels: Ints, num_scales: int) -> float:
    counts = _count_levels(levels, num_scales)
    found, ideal = np.zeros(num_scales + 1, np.int64), np.zeros(num_scales + 1, np.int64)
    total, common, i, best = 0.0, 0, 0, num_scales
    for k in range(1, len(ranks) + 1):
        while ideal[best] == counts[best]:
            best -= 1
        # Each list grows by one item; a level has one more in common where its smaller count grows.
        common += ideal[best] < found[best]
        ideal[best] += 1
        if i < len(ranks) and ranks[i] == k:
            level = levels[i]
            common += found[level] < ideal[level]
            found[level] += 1
            i += 1
        total += common / k
    return total / len(ranks)


@compiled
def _count_levels(levels: Ints, num_scales: int) -> Any:
    counts = np.zeros(num_scales + 1, np.int64)
    for level in levels:
        counts[level] += 1
    return counts
