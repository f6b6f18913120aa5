"""Ranks of a few relevant items: for each, count the items before it, in loops of vector instructions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.compiled import compiled

MOST = 48
CHUNK = 4096  # Numbers that stay in the fastest cache while every relevant item is compared with them.

U32 = np.uint32


@compiled
def rank_few(
    similarity: NDArray[Any],
    first: int,
    last: int,
    members: NDArray[np.int32],
    starts: NDArray[np.int64],
    classes: NDArray[np.int64],
    ranks: NDArray[np.int32],
    positions: NDArray[np.int32],
    offsets: NDArray[np.int64],
) -> None:
    """Rank the relevant items of queries first … last-1; see `dyml.metrics.ranks`."""
    for q in range(first, last):
        row, begin, end = similarity[q], offsets[q], offsets[q]
        for member in members[starts[classes[q]] : starts[classes[q] + 1]]:
            if row[member] != -np.inf:
                ranks[end], positions[end] = 1, member
                end += 1
        offsets[q + 1] = end
        for start in range(0, len(row), CHUNK):
            part = row[start : start + CHUNK]
            for i in range(begin, end):
                # Equal items rank before it where they stand before it: split the part there.
                here = min(max(positions[i] - start, 0), len(part))
                value = row[positions[i]]
                count = _count_at_least(part[:here], value)
                if here < len(part):
                    count += _count_above(part[here:], value)
                ranks[i] += count
        _sort(ranks[begin:end], positions[begin:end])


@compiled
def _count_at_least(part: NDArray[Any], value: Any) -> Any:
    count = U32(0)
    for j in range(len(part)):
        if part[j] >= value:
            count = U32(count + U32(1))
    return np.int32(count)


@compiled
def _count_above(part: NDArray[Any], value: Any) -> Any:
    count = U32(0)
    for j in range(len(part)):
        if part[j] > value:
            count = U32(count + U32(1))
    return np.int32(count)


@compiled
def _sort(ranks: NDArray[np.int32], positions: NDArray[np.int32]) -> None:
    for i in range(1, len(ranks)):
        rank, position, at = ranks[i], positions[i], i
        while at > 0 and ranks[at - 1] > rank:
            ranks[at], positions[at] = ranks[at - 1], positions[at - 1]
            at -= 1
        ranks[at], positions[at] = rank, position
