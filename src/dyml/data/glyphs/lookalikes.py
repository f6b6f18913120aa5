"""Which drawings are the same: faces that draw a character alike, and characters that look alike."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from dyml.data.glyphs.drawing import Pictures

# Two drawings are the same when the squares of their differences (grey as 0 … 1) add up to less than this:
# one pixel turned from black to white.
SAME = 1.0


def distinct_faces(pictures: dict[str, Pictures]) -> tuple[str, ...]:
    """Return the faces whose drawing is not the same as an earlier face's."""
    if not pictures:
        return ()
    flat = _flat(list(pictures.values()))
    distance = ((flat[:, None] - flat[None]) ** 2).sum(-1)
    kept: list[int] = []
    for i in range(len(flat)):
        if not kept or distance[i, kept].min() >= SAME:
            kept.append(i)
    names = list(pictures)
    return tuple(names[i] for i in kept)


def lookalikes(drawings: dict[str, dict[int, Pictures]]) -> dict[int, int]:
    """Return characters that half or more of their common faces draw as they draw a lower code point.

    Args:
        drawings: per face, the picture of every code point.

    Returns:
        For each character to leave out, the one that stays in its place.
    """
    having: dict[int, set[str]] = {}
    same: Counter[tuple[int, int]] = Counter()
    for face, pictures in drawings.items():
        codes = np.array(sorted(pictures))
        for code in codes.tolist():
            having.setdefault(code, set()).add(face)
        pairs = same_pairs(_flat([pictures[code] for code in codes.tolist()]))
        same.update((int(codes[i]), int(codes[j])) for i, j in pairs)
    earlier: dict[int, list[int]] = {}
    for (low, high), count in same.items():
        if 2 * count >= len(having[low] & having[high]):
            earlier.setdefault(high, []).append(low)
    twins: dict[int, int] = {}
    for code in sorted(earlier):
        stays = [low for low in sorted(earlier[code]) if low not in twins]
        if stays:
            twins[code] = stays[0]
    return twins


def same_pairs(flat: NDArray[np.float32], block: int = 256) -> list[tuple[int, int]]:
    """Return the pairs i < j of rows that are the same drawing.

    Rows are compared in the order of their norms, since rows whose norms differ by more are not the same, and
    first by the means of 4 × 4 pixel cells, whose distance never exceeds that of the pixels.
    """
    if len(flat) == 0:
        return []
    side = int(flat.shape[1] ** 0.5) // 4
    cells = 4 * flat.reshape(len(flat), side, 4, side, 4).mean((2, 4)).reshape(len(flat), -1)
    norms = np.sqrt((flat**2).sum(1))
    order = np.argsort(norms, kind="stable")
    norms, cells = norms[order], cells[order]
    squares = (cells**2).sum(1)
    pairs = []
    for start in range(0, len(order), block):
        rows = slice(start, min(start + block, len(order)))
        stop = int(np.searchsorted(norms, norms[rows.stop - 1] + SAME**0.5, side="right"))
        near = squares[rows, None] + squares[start:stop] - 2 * cells[rows] @ cells[start:stop].T
        for i, j in np.argwhere(near < SAME * 1.01 + 1e-3).tolist():
            a, b = int(order[start + i]), int(order[start + j])
            if i < j and ((flat[a] - flat[b]) ** 2).sum() < SAME:
                pairs.append((min(a, b), max(a, b)))
    return sorted(pairs)


def _flat(pictures: list[Pictures]) -> NDArray[np.float32]:
    return np.stack(pictures).reshape(len(pictures), -1).astype(np.float32) / np.float32(255)
