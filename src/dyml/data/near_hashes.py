"""All pairs of 64-bit hashes that differ in few bits, in bounded memory and far from N² comparisons.

Two hashes that differ in at most d bits, cut into d + m pieces, agree in m pieces at least. So for every
choice of m pieces, hashes are sorted by those pieces, and only neighbours in that order are compared (after
Norouzi et al., "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012).
"""

from itertools import combinations, pairwise
from math import comb

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]
_ROWS = 2**20  # hashes that are compared at a time


def near_pairs(hashes: Hashes, most_bits: int, most_pairs: int = 1_000_000) -> tuple[Ints, bool]:
    """Return all pairs of distinct hashes that differ in at most `most_bits` bits.

    Args:
        hashes: (N,) distinct.
        most_bits: d, 1 to 16.
        most_pairs: stop when there are more.

    Returns:
        (P, 3) first, second (first < second) and bits that differ, in order of (first, second); and whether
        these are all.
    """
    found = np.empty((0, 3), dtype=np.int64)
    pieces, agreeing = _plan(len(hashes), most_bits)
    for mask in _masks(pieces, agreeing):
        keys = hashes & mask
        order = np.argsort(keys)
        keys = keys[order]
        parts = [found]
        for start in range(0, len(order), _ROWS):
            parts += _compared(hashes, keys, order, start, min(start + _ROWS, len(order)), most_bits)
        found = np.unique(np.concatenate(parts), axis=0)
        if len(found) > most_pairs:
            return found[:most_pairs], False
    return found, True


def _compared(hashes: Hashes, keys: Hashes, order: Ints, start: int, stop: int, most_bits: int) -> list[Ints]:
    """Compare each hash of a stretch with those behind it that have its key."""
    parts = []
    rows = np.arange(start, stop)
    step = 1
    while len(rows):
        rows = rows[rows + step < len(keys)]
        rows = rows[keys[rows] == keys[rows + step]]
        a, b = order[rows], order[rows + step]
        bits = np.bitwise_count(hashes[a] ^ hashes[b])
        near = bits <= most_bits
        if near.any():
            first, second = np.minimum(a, b)[near], np.maximum(a, b)[near]
            parts.append(np.stack([first, second, bits[near].astype(np.int64)], axis=1))
        step += 1
    return parts


def _plan(count: int, most_bits: int) -> tuple[int, int]:
    """Choose pieces and how many must agree, so that sorting and comparing together cost least."""

    def cost(agreeing: int) -> float:
        pieces = most_bits + agreeing
        shared = count / 2 ** (64 * agreeing / pieces)  # hashes of one key, were they spread evenly
        return comb(pieces, agreeing) * count * (np.log2(max(2, count)) + shared)

    agreeing = min(range(1, 5), key=cost)
    return most_bits + agreeing, agreeing


def _masks(pieces: int, agreeing: int) -> list[np.uint64]:
    bounds = [64 * i // pieces for i in range(pieces + 1)]
    single = [sum(1 << bit for bit in range(low, high)) for low, high in pairwise(bounds)]
    return [np.uint64(sum(chosen)) for chosen in combinations(single, agreeing)]
