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
Ranks = NDArray[np.int32]
Floats = NDArray[np.float64]

NONE = np.empty(0, np.int8)


class Tables(NamedTuple):
    """Numbers that every query needs, for lists of up to N items.

    Attributes:
        harmonic: (N + 1,) the sum of 1/k over k = 1 … n.
        inverse: (N + 1,) 1 / rank; the first is not used.
        discount: (N + 1,) 1 / log2(1 + rank); the first is not used.
        discounts: (N + 1,) the sum of the discounts of ranks 1 … n.
        weight: (L + 1,) (l / L)^α.
        gain: (L + 1,) 2^l − 1, or l.
    """

    harmonic: Floats
    inverse: Floats
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
    inverse = np.concatenate([[0.0], 1 / ranks])
    gain = levels if linear_gain else 2**levels - 1
    return Tables(np.cumsum(inverse), inverse, discount, np.cumsum(discount), weight, gain)


@compiled
def measure_lists(
    ranks: Ranks,
    positions: Ranks,
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
        levels = NONE
        if num_scales > 1:
            levels = _levels(positions[offsets[q] : offsets[q + 1]], query_codes[q], item_codes)
        for scale in range(num_scales):
            chosen = all_ranks
            if scale < num_scales - 1:
                chosen = _at_level(all_ranks, levels, num_scales - scale)
            single[q, scale] = np.nan
            if len(chosen) > 0:
                _fill_single(chosen, ks, tables, single[q, scale])
        multi[q] = np.nan
        if len(all_ranks) > 0:
            if num_scales == 1:
                # With one scale the first and last are the plain measures, and every item gains the same.
                multi[q, 0], multi[q, 2] = single[q, 0, 0], single[q, 0, 1]
                multi[q, 1] = _sum_at(tables.discount, all_ranks) / tables.discounts[len(all_ranks)]
            else:
                multi[q, 1] = _discounted_gain(all_ranks, levels, tables)
                multi[q, 0] = _hierarchical_average_precision(all_ranks, levels, tables.weight)
                multi[q, 2] = _graded_set_intersection(all_ranks, levels, num_scales)


@compiled
def _levels(positions: Ranks, query: Ints, item_codes: Ints) -> NDArray[np.int8]:
    levels = np.ones(len(positions), np.int8)
    for i in range(len(positions)):
        for scale in range(len(query) - 1):
            levels[i] += item_codes[positions[i], scale] == query[scale]
    return levels


@compiled
def _at_level(ranks: Ranks, levels: NDArray[np.int8], least: int) -> Ranks:
    chosen = np.empty(len(ranks), np.int32)
    count = 0
    for i in range(len(ranks)):
        chosen[count] = ranks[i]
        count += levels[i] >= least
    return chosen[:count]


@compiled
def _fill_single(ranks: Ranks, ks: Ints, tables: Tables, out: Floats) -> None:
    """Fill one scale's measures in the order of `single_names`."""
    relevant, inverse, harmonic = len(ranks), tables.inverse, tables.harmonic
    within, intersection = 0, 0.0
    while within < relevant and ranks[within] <= relevant:
        intersection += harmonic[ranks[within] - 1]
        within += 1
    precision_in_r = _precision(ranks, 0, within, inverse)
    out[0] = (precision_in_r + _precision(ranks, within, relevant, inverse)) / relevant
    out[1] = (within * harmonic[relevant] - intersection) / relevant
    for i in range(len(ks)):
        out[2 + i] = 1.0 if ranks[0] <= ks[i] else 0.0
    out[2 + len(ks)] = precision_in_r / relevant
    out[3 + len(ks)] = within / relevant


@compiled
def _precision(ranks: Ranks, first: int, last: int, inverse: Floats) -> float:
    """Sum up (i + 1) / rank over items first … last-1, in four sums that do not wait for each other."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = first + (last - first) // 4 * 4
    for i in range(first, whole, 4):
        a += (i + 1) * inverse[ranks[i]]
        b += (i + 2) * inverse[ranks[i + 1]]
        c += (i + 3) * inverse[ranks[i + 2]]
        d += (i + 4) * inverse[ranks[i + 3]]
    for i in range(whole, last):
        a += (i + 1) * inverse[ranks[i]]
    return (a + b) + (c + d)


@compiled
def _sum_at(table: Floats, ranks: Ranks) -> float:
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = len(ranks) // 4 * 4
    for i in range(0, whole, 4):
        a += table[ranks[i]]
        b += table[ranks[i + 1]]
        c += table[ranks[i + 2]]
        d += table[ranks[i + 3]]
    for i in range(whole, len(ranks)):
        a += table[ranks[i]]
    return (a + b) + (c + d)


@compiled
def _discounted_gain(ranks: Ranks, levels: NDArray[np.int8], tables: Tables) -> float:
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
def _hierarchical_average_precision(ranks: Ranks, levels: NDArray[np.int8], weight: Floats) -> float:
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
def _graded_set_intersection(ranks: Ranks, levels: NDArray[np.int8], num_scales: int) -> float:
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
def _count_levels(levels: NDArray[np.int8], num_scales: int) -> Any:
    counts = np.zeros(num_scales + 1, np.int64)
    for level in levels:
        counts[level] += 1
    return counts
