"""An epoch of class-balanced batches, planned at once.

Pictures are visited evenly: a class is due in proportion to its pictures, and its visits go through its
pictures in a shuffled order that starts anew when it ends. No class comes twice in one batch.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def plan_batches(
    labels: Ints,
    per_class: int,
    visits: int,
    batches: int,
    rng: np.random.Generator,
    spread: Ints | None = None,
) -> Ints:
    """Plan batches of `visits` distinct classes with `per_class` pictures each.

    Args:
        labels: (N,) class of every picture, 0 … C - 1.
        per_class: K.
        visits: classes in a batch, at most C.
        batches: batches to plan.
        rng: decides everything that is random.
        spread: (N,) finer classes, 0 … F - 1; the pictures of a visit come from different ones as far as
            they go. None: it does not matter.

    Returns:
        (batches, visits · K) int64 positions, the pictures of a class side by side.
    """
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    order = _shuffled_by_class(labels, spread, rng)
    quotas = class_quotas(counts, visits * batches, batches, rng)
    classes = rng.permutation(len(counts))
    # Visits are dealt like cards, class by class: a class has at most `batches` of them, next to each other
    # in the pack, so no batch gets two.
    pack = np.repeat(classes, quotas[classes])
    first = np.repeat(np.cumsum(quotas[classes]) - quotas[classes], quotas[classes])
    turn = (np.arange(len(pack)) - first).reshape(visits, batches).T
    dealt = pack.reshape(visits, batches).T
    seats = np.argsort(rng.random(dealt.shape), axis=1)
    rows = rng.permutation(batches)
    dealt, turn = (np.take_along_axis(table, seats, axis=1)[rows] for table in (dealt, turn))
    place = (turn[:, :, None] * per_class + np.arange(per_class)) % counts[dealt][:, :, None]
    plan: Ints = order[starts[dealt][:, :, None] + place].reshape(batches, visits * per_class)
    return plan


def class_quotas(counts: Ints, total: int, most: int, rng: np.random.Generator) -> Ints:
    """Share out `total` visits among classes in proportion to their pictures, at most `most` a class.

    Shares are rounded up or down at random, so that a class gets its exact share on average over epochs.

    Args:
        counts: (C,) pictures of every class, each 1 or more; `total` is at most C · most.
        total: visits of all classes together.
        most: the limit of one class; what it would have above goes to the others.
        rng: decides which shares are rounded up.

    Returns:
        (C,) int64, which add up to `total`.
    """
    shares = np.zeros(len(counts))
    below = np.ones(len(counts), dtype=bool)
    while below.any():
        left = total - most * int((~below).sum())
        shares[below] = left * counts[below] / counts[below].sum()
        full = below & (shares >= most)
        if not full.any():
            break
        shares[full] = most
        below &= ~full
    quotas = np.floor(shares).astype(np.int64)
    mixed = rng.permutation(len(counts))
    # A share's fraction is its chance of one more visit; rounding the sums keeps equal sums equal.
    sums = np.concatenate([[0.0], np.cumsum((shares - quotas)[mixed])]).round(6)
    steps = np.floor(sums + rng.random()).astype(np.int64)
    quotas[mixed] += steps[1:] - steps[:-1]
    return quotas


def _shuffled_by_class(labels: Ints, spread: Ints | None, rng: np.random.Generator) -> Ints:
    mixed = rng.permutation(len(labels))
    if spread is None:
        return mixed[np.argsort(labels[mixed], kind="stable")]
    mixed = mixed[np.argsort(spread[mixed], kind="stable")]
    counts = np.bincount(spread)
    turn = np.arange(len(mixed)) - np.repeat(np.cumsum(counts) - counts, counts)
    # The pictures of a finer class come at even distances, so every stretch has its fair share of each.
    when = (turn + np.repeat(rng.random(len(counts)), counts)) / np.repeat(counts, counts)
    return mixed[np.lexsort((when, labels[mixed]))]
