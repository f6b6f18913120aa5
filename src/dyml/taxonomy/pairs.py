"""Pairs of rows by the number of scales that they share, counted or drawn without a table of all pairs.

Sorted by the tree, every class of every scale is one run of rows. The later partners of a row that share
exactly `level` scales with it are then the part of its run at one scale that lies behind its run at the next
finer scale.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def run_stops(labels: Ints) -> Ints:
    """Return where the run of every row ends at every scale, for rows sorted by the tree.

    Args:
        labels: (N, L) int64, finest scale first, nested, in the order of `np.lexsort(tuple(labels.T))`.

    Returns:
        (N, L + 2) int64: the row's own end, the end of its run at each scale (finest first), and N.
    """
    rows = np.arange(len(labels))
    columns = [rows + 1]
    for column in labels.T:
        last = np.flatnonzero(np.r_[column[1:] != column[:-1], True])
        columns.append(last[np.searchsorted(last, rows)] + 1)
    return np.stack([*columns, np.full(len(labels), len(labels))], axis=1)


def draw_level(stops: Ints, level: int, most: int, rng: np.random.Generator) -> tuple[Ints, Ints, int]:
    """Return pairs that share exactly `level` scales.

    Args:
        stops: (N, L + 2), from `run_stops`.
        level: 0 … L.
        most: where there are more pairs, a sample of this size, drawn evenly with replacement; else all.
        rng: of the sample.

    Returns:
        First and second of every pair, as places in the sorted order, (P,) int64; and how many pairs there
        are.
    """
    column = stops.shape[1] - 2 - level
    later = stops[:, column + 1] - stops[:, column]
    ends = np.cumsum(later)
    total = int(ends[-1])
    ranks = np.arange(total) if total <= most else np.sort(rng.integers(0, total, most))
    first = np.searchsorted(ends, ranks, side="right")
    second = stops[first, column] + ranks - (ends - later)[first]
    return first, second, total
