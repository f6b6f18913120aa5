"""Ranks of many relevant items, whatever their dtype and number, and however they are distributed.

Sort the relevant items alone, then find for every item of the gallery its place among them:

1. Cut the range of the relevant similarities into buckets, four or more per relevant item. `firsts[b]` is how
   many relevant items lie in the buckets before b.
2. An item in bucket b lies behind all of those and before all of later buckets: it needs comparing with the
   relevant items of its own bucket alone, mostly none or one.
3. Count the items by the place so found. Summed up, the counts are the ranks.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from dyml.metrics.compiled import compiled

LEAST_BUCKETS, MOST_BUCKETS = 1 << 9, 1 << 17
CHUNK, LONG_RUN, STEEPEST = 2048, 32, 1e30

LEAST_KEY = np.iinfo(np.int64).min
U64 = np.uint64  # Unsigned places spare the compiled code a test for negative ones at every access.
U32 = np.uint32


class Workspace(NamedTuple):
    """Memory for one thread; `ranks` and `positions` carry the result of a query."""

    ranks: NDArray[np.int64]
    positions: NDArray[np.int64]
    values: NDArray[Any]
    given_positions: NDArray[np.int64]
    given_values: NDArray[Any]
    keys: NDArray[np.int64]
    firsts: NDArray[np.uint32]
    counts: NDArray[np.uint32]
    buckets: NDArray[np.uint32]
    part_keys: NDArray[np.int64]


class Cut(NamedTuple):
    """How similarities fall into buckets, in their own dtype: in another, an item could fall elsewhere."""

    top: Any
    steepness: Any
    zero: Any
    limit: Any


@compiled
def rank_buckets(
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
    most = 0
    for q in range(first, last):
        most = max(most, starts[classes[q] + 1] - starts[classes[q]])
    work = _workspace(similarity, most)
    for q in range(first, last):
        row, count, begin = similarity[q], 0, offsets[q]
        for member in members[starts[classes[q]] : starts[classes[q] + 1]]:
            if row[member] != -np.inf:
                work.given_positions[count], work.given_values[count] = member, row[member]
                count += 1
        offsets[q + 1] = begin + count
        if count == 0:
            continue
        _rank_many(row, count, work)
        for i in range(count):
            ranks[begin + i], positions[begin + i] = work.ranks[i], work.positions[i]


@compiled
def _workspace(similarity: NDArray[Any], most: int) -> Workspace:
    return Workspace(
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, similarity.dtype),
        np.empty(most, np.int64),
        np.empty(most, similarity.dtype),
        np.empty(most + 3, np.int64),
        np.empty(MOST_BUCKETS + 3, U32),
        np.empty(most + 1, U32),
        np.empty(max(most, CHUNK), U32),
        np.empty(CHUNK, np.int64),
    )


@compiled
def _rank_many(row: NDArray[Any], count: int, work: Workspace) -> None:
    cut, size = _cut(work.given_values[:count])
    _sort_relevant(count, size, cut, work)
    work.counts[: count + 1] = 0
    for start in range(0, len(row), CHUNK):
        part = row[start : start + CHUNK]
        for j in range(len(part)):
            work.buckets[j] = _bucket(part[j], cut)
        _count_places(part, start, count, work)
    rank = np.int64(0)
    for i in range(count):
        rank += np.int64(work.counts[i])
        work.ranks[i] = rank


@compiled
def _cut(values: NDArray[Any]) -> tuple[Cut, int]:
    top, last = values[0], values[0]
    for value in values:
        top, last = max(top, value), min(last, value)
    size = LEAST_BUCKETS
    while size < 4 * len(values) and size < MOST_BUCKETS:
        size *= 2
    number = values.dtype.type
    steepness = min(size / max(np.float64(top) - np.float64(last), size / STEEPEST), STEEPEST)
    return Cut(top, number(steepness), number(0), number(size)), size


@compiled
def _bucket(value: Any, cut: Cut) -> Any:
    """Return 0 for the greatest similarities; never falls as similarity falls, since rounding does not."""
    return U32(np.int32(min(max((cut.top - value) * cut.steepness, cut.zero), cut.limit)))


@compiled
def _sort_relevant(count: int, size: int, cut: Cut, work: Workspace) -> None:
    """Sort the relevant items by falling similarity, equal ones by position, and fill `firsts`."""
    values, positions, buckets = work.values, work.positions, work.buckets
    given_values, given_positions = work.given_values, work.given_positions
    # `starts` counts, then becomes the start of every bucket, then, as items move in, the end of every
    # bucket. The end of one is the start of the next: that is why it lies one place along in `firsts`.
    starts = work.firsts[1 : size + 3]
    starts[:] = 0
    for i in range(count):
        bucket = _bucket(given_values[i], cut)
        buckets[i] = bucket
        starts[U64(bucket) + U64(1)] += U32(1)
    longest = U32(0)
    for b in range(1, size + 2):
        longest = max(longest, starts[b])
        starts[b] = U32(starts[b] + starts[b - 1])
    for i in range(count):
        bucket = U64(buckets[i])
        place = U64(starts[bucket])
        starts[bucket] += U32(1)
        values[place], positions[place] = given_values[i], given_positions[i]
    work.firsts[0] = 0
    if longest > LONG_RUN:
        for b in range(size + 1):
            start, stop = np.int64(work.firsts[b]), np.int64(work.firsts[b + 1])
            gap = stop - start if stop - start > LONG_RUN else 0
            while gap > 1:
                gap //= 3
                _insertion_sort(values[start:stop], positions[start:stop], max(gap, 1))
    _insertion_sort(values[:count], positions[:count], 1)


@compiled
def _insertion_sort(values: NDArray[Any], positions: NDArray[np.int64], gap: int) -> None:
    """Sort by falling value, equal ones by position; with falling gaps, as the steps of a Shell sort."""
    for i in range(gap, len(values)):
        value, position, at = values[i], positions[i], i
        while at >= gap and (
            values[at - gap] < value or (values[at - gap] == value and positions[at - gap] > position)
        ):
            values[at], positions[at] = values[at - gap], positions[at - gap]
            at -= gap
        values[at], positions[at] = value, position


def _count_places(part: Any, start: Any, count: Any, work: Any) -> None:
    """Count the items of a part of the row by their place: how many relevant items stand before them.

    This is where the time goes. There is a way for each dtype, which numba puts in here.
    """
    way = _count_places_float32 if part.dtype == np.float32 else _count_places_float64
    way(part, start, count, work)


@overload(_count_places)
def _way_for(part: Any, start: Any, count: Any, work: Any) -> Callable[..., None]:
    return _count_places_float32 if part.dtype == numba.float32 else _count_places_float64


def _count_places_float32(part: Any, start: Any, count: Any, work: Any) -> None:
    """Compare similarity and position at once, joined into one number; mostly twice, without a branch."""
    keys, part_keys = work.keys, work.part_keys
    firsts, buckets, counts = work.firsts, work.buckets, work.counts
    if start == 0:
        bits = work.values.view(np.int32)
        for i in range(count):
            keys[i] = _key(bits[i], work.positions[i])
        keys[count : count + 3] = LEAST_KEY
    bits = part.view(np.int32)
    for j in range(len(part)):
        part_keys[j] = _key(bits[j], start + j)
    for j in range(len(part)):
        key, bucket = part_keys[j], U64(buckets[j])
        first = U64(firsts[bucket])
        place = first + U64(keys[first] > key) + U64(keys[first + U64(1)] > key)
        if keys[first + U64(2)] > key:
            place, end = first + U64(3), U64(firsts[bucket + U64(1)])
            while place < end:
                middle = (place + end) >> U64(1)
                if keys[middle] > key:
                    place = middle + U64(1)
                else:
                    end = middle
        counts[place] += U32(1)


def _count_places_float64(part: Any, start: Any, count: Any, work: Any) -> None:
    """Compare similarities, and positions where they are equal."""
    values, positions = work.values, work.positions
    firsts, buckets, counts = work.firsts, work.buckets, work.counts
    for j in range(len(part)):
        value, position, bucket = part[j], start + j, U64(buckets[j])
        place, end = U64(firsts[bucket]), U64(firsts[bucket + U64(1)])
        while place < end:
            middle = (place + end) >> U64(1)
            if values[middle] > value or (values[middle] == value and positions[middle] < position):
                place = middle + U64(1)
            else:
                end = middle
        counts[place] += U32(1)


@compiled
def _key(bits: Any, position: Any) -> Any:
    """Join the bits of a float32 and a position into one number, greater for what ranks before.

    The bits of a float32 are in order already where it is positive, and in reverse where it is negative.
    """
    ordered = np.int64(bits) ^ ((np.int64(bits) >> np.int64(31)) & np.int64(0x7FFFFFFF))
    ordered += np.int64(ordered == -1)  # That was −0, which equals 0.
    return (ordered << np.int64(32)) | (np.int64(0xFFFFFFFF) - np.int64(position))
