"""The chosen measures, from the ranks of a query's relevant items alone; the definitions are in `chosen`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.chosen import (
    AVERAGE_PRECISION,
    ERROR_HEIGHT,
    FIRST_HEIGHT,
    GAIN,
    PRECISION,
    RECIPROCAL,
    SHARE_FOUND,
)
from dyml.metrics.compiled import compiled

Ints = NDArray[np.int64]
Ranks = NDArray[np.int32]
Floats = NDArray[np.float64]


@compiled
def measure_chosen(
    ranks: Ranks,
    positions: Ranks,
    offsets: Ints,
    query_codes: Ints,
    item_codes: Ints,
    single_chosen: Ints,
    multi_chosen: Ints,
    gain: Floats,
    discounts: Floats,
    single: Floats,
    multi: Floats,
) -> None:
    """Fill the chosen measures of some queries.

    Args:
        ranks, positions, offsets, query_codes, item_codes: as in `dyml.metrics.ranked.measure_lists`.
        single_chosen: (S, 2) kind and k of measures of one scale.
        multi_chosen: (G, 2) likewise of those over all scales.
        gain: (L + 1,) the gain of an item by its level.
        discounts: (N + 1,) the sum of the discounts of ranks 1 … n.
        single: (B, L, S), filled.
        multi: (B, G), filled.
    """
    num_scales = query_codes.shape[1]
    single[:], multi[:] = np.nan, np.nan
    for q in range(len(offsets) - 1):
        begin, end = offsets[q], offsets[q + 1]
        if begin == end:
            continue
        own, levels = ranks[begin:end], np.ones(end - begin, np.int64)
        for i in range(end - begin):
            for scale in range(num_scales - 1):
                levels[i] += item_codes[positions[begin + i], scale] == query_codes[q, scale]
        for scale in range(num_scales):
            chosen = own[levels >= num_scales - scale]
            if len(chosen) > 0:
                for m in range(len(single_chosen)):
                    single[q, scale, m] = _of_one_scale(chosen, single_chosen[m, 0], single_chosen[m, 1])
        top = levels[0] if own[0] == 1 else 0
        for m in range(len(multi_chosen)):
            kind, k = multi_chosen[m, 0], multi_chosen[m, 1]
            if kind == GAIN:
                multi[q, m] = _gain_in_first(own, levels, k, gain, discounts)
            elif kind == FIRST_HEIGHT or (kind == ERROR_HEIGHT and top < num_scales == levels.max()):
                multi[q, m] = num_scales - top


@compiled
def _of_one_scale(ranks: Ranks, kind: int, k: int) -> float:
    if kind == RECIPROCAL:
        return 1 / ranks[0]
    count, precision = 0, 0.0
    while count < len(ranks) and ranks[count] <= k:
        count += 1
        precision += count / ranks[count - 1]
    if kind == PRECISION:
        return count / k
    if kind == SHARE_FOUND:
        return count / len(ranks)
    assert kind == AVERAGE_PRECISION
    return precision / min(k, len(ranks))


@compiled
def _gain_in_first(ranks: Ranks, levels: Ints, k: int, gain: Floats, discounts: Floats) -> Any:
    counts = np.zeros(len(gain), np.int64)
    found, ideal, stop = 0.0, 0.0, 0
    for i in range(len(ranks)):
        counts[levels[i]] += 1
        if ranks[i] <= k:
            found += gain[levels[i]] / np.log2(1.0 + ranks[i])
    last = min(k, len(discounts) - 1)
    for level in range(len(gain) - 1, 0, -1):
        end = min(stop + counts[level], last)
        ideal += gain[level] * (discounts[end] - discounts[stop])
        stop = end
    return found / ideal
