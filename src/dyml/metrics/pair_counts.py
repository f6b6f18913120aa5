"""Histograms of the similarities of all pairs, by how many scales a pair shares, streamed and exact."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.compiled import compiled

Ints = NDArray[np.int64]


@compiled
def count_pairs(
    similarity: NDArray[Any],
    query_codes: Ints,
    item_codes: Ints,
    first_items: Ints,
    edges: NDArray[Any],
    counts: Ints,
) -> None:
    """Add the pairs of some queries to the histograms.

    Bin b holds the similarities from edges[b] up to, and without, edges[b + 1]; the last has no end.

    Args:
        similarity: (B, N) float32 or float64; −inf where a pair is left out.
        query_codes: (B, L) classes, finest first, nested.
        item_codes: (N, L) classes.
        first_items: (B,) the first item that each query is paired with.
        edges: (bins,) ascending and evenly spaced, in the dtype of `similarity`; the first at or below all.
        counts: (L + 1, bins), added to: row l for the pairs that share l scales.
    """
    bins, num_scales = len(edges), query_codes.shape[1]
    start = np.float64(edges[0])
    steps = (bins - 1) / (np.float64(edges[bins - 1]) - start)
    for q in range(len(similarity)):
        for j in range(first_items[q], similarity.shape[1]):
            value = similarity[q, j]
            if value == -np.inf:
                continue
            # Rounding may put a value into the bin beside its own: the edges themselves decide.
            place = max((np.float64(value) - start) * steps, 0.0)
            bin_ = int(min(place, np.float64(bins - 1)))
            while bin_ > 0 and value < edges[bin_]:
                bin_ -= 1
            while bin_ < bins - 1 and value >= edges[bin_ + 1]:
                bin_ += 1
            scale = 0
            while scale < num_scales and query_codes[q, scale] != item_codes[j, scale]:
                scale += 1
            counts[num_scales - scale, bin_] += 1
