"""64-bit numbers for millions of texts, computed over Arrow's bytes without a Python object a text."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
_ROWS = 32_768  # texts at a time: some MB of intermediate numbers
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hash_texts(texts: pa.Array) -> Hashes:
    """Return a number for every text; equal texts have equal numbers, in every process, on every machine.

    hash(t) = mix( Σ_j (t_j + 1) · P_j  mod 2⁶⁴ ) over the UTF-8 bytes t_j, with fixed odd numbers P_j.
    Different texts agree by a chance of about 2⁻⁵⁶; whoever cannot live with that compares the texts.

    Args:
        texts: (N,) large_string without nulls.

    >>> hash_texts(pa.array(["a", "b", "a"], pa.large_string())).tolist()[0] in (0, 1)
    False
    """
    hashes = np.zeros(len(texts), dtype=np.uint64)
    if len(texts) == 0:
        return hashes
    _, offsets_buffer, data_buffer = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if offsets[-1] == offsets[0]:
        return _mixed(hashes)
    data = np.frombuffer(data_buffer, dtype=np.uint8)
    lengths = np.diff(offsets)
    factors = _mixed(np.arange(1, int(lengths.max()) + 1, dtype=np.uint64)) | np.uint64(1)
    for start in range(0, len(texts), _ROWS):
        ends = offsets[start : start + _ROWS + 1]
        size = np.diff(ends)
        place = np.arange(ends[-1] - ends[0]) - np.repeat(ends[:-1] - ends[0], size)
        terms = (data[ends[0] : ends[-1]].astype(np.uint64) + np.uint64(1)) * factors[place]
        # Sums of runs as differences of running sums: arithmetic modulo 2⁶⁴ loses nothing.
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        hashes[start : start + _ROWS] = sums[ends[1:] - ends[0]] - sums[ends[:-1] - ends[0]]
    return _mixed(hashes)


def repeated(texts: pa.Array) -> NDArray[np.int64]:
    """Return the positions of all texts that may occur more than once, rising; empty where none does.

    Only positions whose hashes agree are named: a superset of the true repetitions, nearly always equal.

    Args:
        texts: (N,) large_string without nulls.
    """
    hashes = hash_texts(texts)
    ordered = np.sort(hashes)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(twice) == 0:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(np.isin(hashes, twice))


def _mixed(values: Hashes) -> Hashes:
    """Spread numbers over all 64 bits (splitmix64)."""
    with np.errstate(over="ignore"):
        values = values + _GOLDEN
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return values ^ (values >> np.uint64(31))
