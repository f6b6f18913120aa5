"""The nearest neighbours of some rows, streamed in blocks, and the choice of the queries worth showing."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dyml.report.vectors import Floats, Ints


@dataclass(frozen=True)
class Shown:
    """The queries of a retrieval sheet.

    Attributes:
        rows: (Q,) row of each query, those with a right nearest neighbour first.
        right: (Q,) bool, whether the nearest neighbour is of the query's finest class.
        neighbours: (Q, K) rows of the nearest pictures, nearest first.
        similarity: (Q, K) float32 cosine similarity of those.
        asked: the number of rows whose neighbours were looked up to choose from.
        wrong: how many of these have a nearest neighbour of another finest class.
        levels: (L + 1,) over the first K of all asked rows, how many share 0 … L scales with their query.
        seed: what the choice was drawn with.
    """

    rows: Ints
    right: NDArray[np.bool_]
    neighbours: Ints
    similarity: Floats
    asked: int
    wrong: int
    levels: Ints
    seed: int


def nearest(embeddings: Floats, rows: Ints, k: int, block: int = 64) -> tuple[Ints, Floats]:
    """Return the k nearest other rows of some rows by dot product, equal ones in row order.

    Args:
        embeddings: (N, D) float32 unit vectors.
        rows: (Q,) int64 rows that ask.
        k: how many; at most N - 1 are returned.
        block: how many rows are asked at once: memory is `block` × N.

    Returns:
        (Q, k) int64 rows and (Q, k) float32 similarities, nearest first.
    """
    k = min(k, len(embeddings) - 1)
    found = np.empty((len(rows), k), dtype=np.int64)
    values = np.empty((len(rows), k), dtype=np.float32)
    if k == 0:
        return found, values
    for start in range(0, len(rows), block):
        asked = rows[start : start + block]
        scores = embeddings[asked] @ embeddings.T
        scores[np.arange(len(asked)), asked] = -np.inf
        worst = np.partition(scores, scores.shape[1] - k, axis=1)[:, scores.shape[1] - k]
        for place, (row, floor) in enumerate(zip(scores, worst), start):
            above = np.flatnonzero(row > floor)
            level = np.flatnonzero(row == floor)[: k - len(above)]
            first = np.sort(np.concatenate([above, level]))
            first = first[np.argsort(-row[first], kind="stable")]
            found[place], values[place] = first, row[first]
    return found, values


def choose_queries(
    embeddings: Floats, labels: Ints, count: int = 10, k: int = 8, most: int = 3000, seed: int = 0
) -> Shown:
    """Choose queries to show: six in ten with a right nearest neighbour and four in ten with a wrong one.

    At most `most` rows that have another picture of their finest class are drawn and asked. Of those with a
    right and those with a wrong nearest neighbour the shown ones are then taken at random, coarsest classes
    in turn and finest classes not yet shown first. Where one kind runs out the other fills up.

    Args:
        embeddings: (N, D) float32 unit vectors.
        labels: (N, L) int64, finest scale first.
        count: how many queries to show.
        k: how many neighbours of each.
        most: how many rows to ask at most.
        seed: what the draw depends on, besides the arguments.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(labels[:, 0])
    pool = np.flatnonzero(sizes[labels[:, 0]] > 1)
    pool = rng.permutation(pool if len(pool) else len(labels))[:most]
    found, values = nearest(embeddings, pool, k)
    if found.shape[1] == 0:
        pool, found, values = pool[:0], found[:0], values[:0]
    shared = (labels[found] == labels[pool][:, None]).sum(-1)
    right = shared[:, 0] == labels.shape[1] if len(pool) else np.zeros(0, dtype=bool)

    wrongs = min(int((~right).sum()), max(round(0.4 * count), count - int(right.sum())))
    seen: Counter[int] = Counter()
    picks = _spread(np.flatnonzero(right), labels[pool], count - wrongs, seen)
    picks += _spread(np.flatnonzero(~right), labels[pool], wrongs, seen)
    chosen = np.asarray(picks, dtype=np.int64)
    return Shown(
        rows=pool[chosen],
        right=right[chosen],
        neighbours=found[chosen],
        similarity=values[chosen],
        asked=len(pool),
        wrong=int((~right).sum()),
        levels=np.bincount(shared.reshape(-1), minlength=labels.shape[1] + 1),
        seed=seed,
    )


def _spread(places: Ints, labels: Ints, count: int, seen: Counter[int]) -> list[int]:
    """Take `count` of the places in order, the least taken coarsest and then finest class first."""
    coarse: Counter[int] = Counter()
    left, picks = places.tolist(), []
    for _ in range(min(count, len(left))):
        pick = min(left, key=lambda place: (coarse[labels[place, -1]], seen[labels[place, 0]]))
        coarse[labels[pick, -1]] += 1
        seen[labels[pick, 0]] += 1
        left.remove(pick)
        picks.append(pick)
    return picks
