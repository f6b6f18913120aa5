"""Ranks of many relevant items, in float32: the place of most items from one look into one table.

Relevant similarities are cut into buckets, four or more per relevant item, so that most buckets hold none or
one. A similarity becomes a whole number of 24 bits: the upper ones are its bucket, the lower ones its place
within. The table has one number a bucket: how many relevant items lie in buckets before, and the place of the
one within, written so that adding an item's own place carries over exactly where the item lies behind it:

    entry  = (relevant items before) · 2u + (2u − 1 − place of the one within),   u places in a bucket
    (entry + place of the item) // 2u  =  relevant items before the item

Where the two places are equal (all lower bits are ones then), or where a bucket holds several (marked by the
highest bit), the item is compared in full: a few in a hundred are.

The buckets lie in memory as the columns of a matrix of 256 columns, so that the running sum over them is a
sum of rows, which is done by vector instructions.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.compiled import compiled

MOST = 3 << 14  # Relevant items; with more, buckets hold several too often.
FIXED_BITS, LEAST_BITS, MOST_BITS = 24, 9, 17
CHUNK, LONG_RUN, STEEPEST = 1024, 24, 1e30
COLUMNS = 256

U64 = np.uint64  # Unsigned places spare the compiled code a test for negative ones at every access.
U32 = np.uint32
SUM_BITS = 5  # 2^5 entries, more than a long run has, add up without reaching the bits above.
MARK, UNMARKED, ALMOST = U32(1 << 31), U32((1 << 31) - 1), U32((1 << 31) - 2)
WHICH_BYTE = U64(0x0001020304050607)  # Times the lowest bit of byte k, the highest byte is k.

Numbers = NDArray[np.uint32]


class Workspace(NamedTuple):
    """Memory for one thread."""

    values: NDArray[np.float32]
    positions: NDArray[np.int32]
    keys: NDArray[np.int64]
    addresses: Numbers
    within: Numbers
    counts: Numbers
    table: Numbers
    sums: Numbers
    turns: Numbers
    part_addresses: Numbers
    part_within: Numbers
    found: Numbers
    unclear: NDArray[np.uint8]


class Scale(NamedTuple):
    """How similarities become whole numbers of 24 bits, in float32 as they are."""

    top: np.float32
    steepness: np.float32
    limit: np.float32
    shift: np.uint32
    low_bits: np.uint32
    rows: np.uint32
    within: np.uint32


def make_workspace(most: int) -> Workspace:
    """Take memory for queries of up to `most` relevant items."""
    return Workspace(
        np.empty(most, np.float32),
        np.empty(most, np.int32),
        np.empty(most, np.int64),
        np.empty(most, U32),
        np.empty(most, U32),
        np.empty(most + 1, U32),
        np.empty(1 << MOST_BITS, U32),
        np.empty(COLUMNS, U32),
        np.empty(most, U32),
        np.empty(CHUNK, U32),
        np.empty(CHUNK, U32),
        np.empty(CHUNK, U32),
        np.zeros(CHUNK, np.uint8),
    )


@compiled
def rank_fine(
    similarity: NDArray[np.float32],
    first: int,
    last: int,
    members: NDArray[np.int32],
    starts: NDArray[np.int64],
    classes: NDArray[np.int64],
    work: Workspace,
    ranks: NDArray[np.int32],
    positions: NDArray[np.int32],
    offsets: NDArray[np.int64],
) -> int:
    """Rank the relevant items of queries first … last-1; see `dyml.metrics.ranks`.

    Returns:
        The first query that is not done, since too many of its relevant items share a bucket; else `last`.
    """
    for q in range(first, last):
        row = similarity[q]
        count = _take(row, members[starts[classes[q]] : starts[classes[q] + 1]], work)
        begin = offsets[q]
        offsets[q + 1] = begin + count
        if count == 0:
            continue
        scale = _scale(work.values[:count])
        if not _fill_table(count, scale, work):
            for i in range(count):
                row[work.positions[i]] = work.values[i]
            return q
        work.counts[: count + 1] = U32(0)
        for start in range(0, len(row), CHUNK):
            _count_places(row[start : start + CHUNK], start, scale, work)
        rank = np.int32(0)
        for i in range(count):
            rank += np.int32(work.counts[i]) + np.int32(1)
            ranks[begin + i] = rank
            positions[begin + i] = np.int32(np.int64(0xFFFFFFFF) - (work.keys[i] & np.int64(0xFFFFFFFF)))
    return last


@compiled
def _take(row: NDArray[np.float32], members: NDArray[np.int32], work: Workspace) -> int:
    """Take the relevant items out of the row: behind all, they are not counted among the others."""
    count = 0
    for member in members:
        value = row[member]
        work.positions[count], work.values[count] = member, value
        count += value != -np.inf
        row[member] = -np.inf
    return count


@compiled
def _scale(values: NDArray[np.float32]) -> Scale:
    least, most = np.int32(0x7FFFFFFF), np.int32(-0x80000000)
    for word in values.view(np.int32):
        # In the order of the numbers, as whole ones, whose maximum is found by vector instructions.
        ordered = np.int32(word ^ ((word >> np.int32(31)) & np.int32(0x7FFFFFFF)))
        least, most = min(least, ordered), max(most, ordered)
    ends = np.array([most, least], dtype=np.int32)
    for i in range(2):
        ends[i] ^= (ends[i] >> np.int32(31)) & np.int32(0x7FFFFFFF)
    top, last = ends.view(np.float32)
    bits = LEAST_BITS
    while (1 << bits) < 4 * len(values) and bits < MOST_BITS:
        bits += 1
    shift = FIXED_BITS - bits
    # The last bucket is for items behind all relevant ones.
    places = np.float64((1 << FIXED_BITS) - (2 << shift))
    steepness = min(places / max(np.float64(top) - np.float64(last), places / STEEPEST), STEEPEST)
    limit = np.float32((1 << FIXED_BITS) - 1)
    rows, within = U32((1 << (bits - 8)) - 1), U32((1 << shift) - 1)
    return Scale(top, np.float32(steepness), limit, U32(shift), U32(bits - 8), rows, within)


@compiled
def _place(value: np.float32, scale: Scale) -> Any:
    """Return where a similarity falls: the address of its bucket, and its place within.

    The bucket, and within it the place, never falls as similarity falls, since rounding does not.
    """
    distance = min(max((scale.top - value) * scale.steepness, np.float32(0)), scale.limit)
    fixed = U32(np.int32(distance))
    # Said to be below 32, shifts stay shifts of 32 bits.
    bucket = U32(fixed >> (scale.shift & U32(31)))
    row = U32(U32(bucket & scale.rows) << U32(8))
    return U32(row | U32(bucket >> (scale.low_bits & U32(31)))), U32(fixed & scale.within)


@compiled
def _next_address(address: Any, scale: Scale) -> Any:
    """Return the address of the bucket after one that is not the last."""
    rows = U32(1) << scale.low_bits
    bucket = ((address & U32(COLUMNS - 1)) << scale.low_bits) + (address >> U32(8)) + U32(1)
    return U64(((bucket & (rows - U32(1))) << U32(8)) | (bucket >> scale.low_bits))


@compiled
def _fill_table(count: int, scale: Scale, work: Workspace) -> bool:
    """Sort the relevant items into `keys` and fill the table; False where a bucket holds too many."""
    table, keys, shift = work.table, work.keys, scale.shift
    addresses, within = work.addresses, work.within
    size = 1 << (FIXED_BITS - np.int64(shift))
    table[:size] = U32(0)
    for i in range(count):
        addresses[i], within[i] = _place(work.values[i], scale)
    full, up = U32(2 * scale.within + 1), U32(shift + 1)
    above = U32(up + SUM_BITS)
    for i in range(count):
        bucket = U64(addresses[i])
        held = table[bucket]
        # How many are there, above the sum of their entries, which is of use where it is one.
        work.turns[i] = U32(held >> above)
        table[bucket] = U32(U32(held + U32(U32(1) << above)) + U32(full - within[i]))
    if _sum_up(size, scale, work) > LONG_RUN:
        return False
    bits = work.values.view(np.int32)
    for i in range(count):
        entry = U32(table[U64(addresses[i])] & UNMARKED)
        keys[U64(U32(U32(entry >> up) + work.turns[i]))] = _key(bits[i], work.positions[i])
    for i in range(1, count):
        key, at = keys[i], i
        while at > 0 and keys[at - 1] < key:
            keys[at] = keys[at - 1]
            at -= 1
        keys[at] = key
    return True


@compiled
def _sum_up(size: int, scale: Scale, work: Workspace) -> Any:
    """Turn the numbers of relevant items per bucket into entries; return the greatest number."""
    sums, longest = work.sums, U32(0)
    up, full = U32(scale.shift + 1), U32(2 * scale.within + 1)
    above = U32(up + SUM_BITS)
    sums[:] = U32(0)
    for start in range(0, size, COLUMNS):
        row = work.table[start : start + COLUMNS]
        for c in range(COLUMNS):
            held = U32(row[c] >> (above & U32(31)))
            longest = max(longest, held)
            # Two or more, plus this, reach the highest bit.
            several = U32(U32(held + ALMOST) & MARK)
            row[c] = U32(U32(sums[c] << (up & U32(31))) | U32(row[c] & full) | several)
            sums[c] = U32(sums[c] + held)
    total = U32(0)
    for c in range(COLUMNS):
        held, sums[c] = sums[c], total
        total = U32(total + held)
    for start in range(0, size, COLUMNS):
        row = work.table[start : start + COLUMNS]
        for c in range(COLUMNS):
            row[c] += U32(sums[c] << (up & U32(31)))
    return longest


@compiled
def _count_places(part: NDArray[np.float32], start: int, scale: Scale, work: Workspace) -> None:
    """Count the items of a part of the row by how many relevant items stand before them.

    This is where the time goes.
    """
    table, counts, keys = work.table, work.counts, work.keys
    addresses, within, found = work.part_addresses, work.part_within, work.found
    length = len(part)
    for j in range(length):
        addresses[j], within[j] = _place(part[j], scale)
    full, up = U32(2 * scale.within + 1), U32(scale.shift + 1)
    for j in range(length):
        found[j] = U32(table[U64(addresses[j])] + within[j])
    for j in range(length):
        counts[U64(U32(found[j] & UNMARKED) >> up)] += U32(1)
    bits, unclear, of_interest = part.view(np.int32), work.unclear, U32(MARK | full)
    for j in range(length):
        unclear[j] = U32(found[j] & of_interest) >= full
    unclear[length:] = False
    groups = unclear.view(U64)
    for group in range((length + 7) // 8):
        flags = groups[group]
        while flags != U64(0):
            lowest = U64(flags & U64(~flags + U64(1)))
            flags ^= lowest
            item = U64(8 * group) + U64(U64(lowest * WHICH_BYTE) >> U64(56))
            # Take back where it was counted, and count it where it belongs.
            counts[U64(U32(found[item] & UNMARKED) >> up)] -= U32(1)
            address = addresses[item]
            place = U64(U32(table[U64(address)] & UNMARKED) >> up)
            end = U64(U32(table[_next_address(address, scale)] & UNMARKED) >> up)
            key = _key(bits[item], start + np.int64(item))
            while place < end and keys[place] > key:
                place += U64(1)
            counts[place] += U32(1)


@compiled
def _key(bits: Any, position: Any) -> Any:
    """Join the bits of a float32 and a position into one number, greater for what ranks before.

    The bits of a float32 are in order already where it is positive, and in reverse where it is negative.
    """
    ordered = np.int64(bits) ^ ((np.int64(bits) >> np.int64(31)) & np.int64(0x7FFFFFFF))
    ordered += np.int64(ordered == -1)  # That was −0, which equals 0.
    return (ordered << np.int64(32)) | (np.int64(0xFFFFFFFF) - np.int64(position))
