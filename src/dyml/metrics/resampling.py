"""Bootstrap and sign-flip tests over queries: what chance in the choice of queries does to a mean.

The gallery stays as it is: an interval says what other queries of the same kind would have given, not what
another gallery or another training would.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from dyml.errors import InputError

Floats = NDArray[np.float64]
BLOCK_NUMBERS = 2**22


def bootstrap_means(parts: Sequence[Floats], joint: bool, draws: int, seed: int) -> list[Floats]:
    """Average the queries that are there, over and over, with queries drawn anew with replacement.

    Args:
        parts: (Q, C) values each, NaN where a query has none.
        joint: all parts are of the same queries, which are drawn together; else each draws its own.
        draws: how many times.
        seed: of the random numbers.

    Returns:
        Per part, (draws, C) means; NaN where a draw holds no query with a value.

    Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """

    def weights(rng: np.random.Generator, count: int, rows: int) -> Floats:
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times: Floats = np.bincount(drawn.ravel(), minlength=rows * count).astype(np.float64)
        return times.reshape(rows, count)

    return _weighted_means(parts, joint, draws, seed, weights)


def flipped_means(parts: Sequence[Floats], joint: bool, draws: int, seed: int) -> list[Floats]:
    """Average paired differences with the sign of each query's turned at random.

    That is how the mean would scatter if the two results differed by chance alone.

    Args:
        parts: (Q, C) differences each, NaN where a query has none.
        joint: all parts are of the same queries, whose signs turn together.
        draws: how many times.
        seed: of the random numbers.

    Returns:
        Per part, (draws, C) means.

    Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for Information Retrieval
    Evaluation", CIKM 2007.
    """

    def signs(rng: np.random.Generator, count: int, rows: int) -> Floats:
        turned: Floats = rng.integers(0, 2, (rows, count), dtype=np.int8).astype(np.float64)
        return 2 * turned - 1

    return _weighted_means(parts, joint, draws, seed, signs, of_all=True)


def mean_over_parts(means: Sequence[Floats]) -> Floats:
    """Average over the scales that have a value: (draws, C) from one such array a scale."""
    stack = np.stack(means)
    there = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        averages: Floats = np.where(there, stack, 0).sum(0) / there.sum(0)
    return averages


def checked_draws(level: float, draws: int) -> None:
    """Refuse a level of confidence or a number of draws that makes no sense."""
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, such as 0.95; got {level}")
    if draws < 100:
        raise InputError(f"draws must be 100 or more; got {draws}")


def _weighted_means(
    parts: Sequence[Floats],
    joint: bool,
    draws: int,
    seed: int,
    weights: Callable[[np.random.Generator, int, int], Floats],
    of_all: bool = False,
) -> list[Floats]:
    """Compute Σ w v / Σ w over the values that are there; `of_all`: over their number instead of Σ w."""
    if joint and len({len(part) for part in parts}) > 1:
        raise InputError(f"parts of the same queries differ in length: {[len(part) for part in parts]}")
    found = []
    for number, part in enumerate(parts):
        # The same stream for parts of the same queries: these are then drawn alike in all.
        rng = np.random.default_rng([seed, 0 if joint else number])
        there = ~np.isnan(part)
        values, ones = np.where(there, part, 0), there.astype(np.float64)
        rows = max(1, BLOCK_NUMBERS // len(part))
        means = np.empty((draws, part.shape[1]))
        for start in range(0, draws, rows):
            drawn = weights(rng, len(part), min(rows, draws - start))
            sizes = ones.sum(0)[None] if of_all else drawn @ ones
            with np.errstate(invalid="ignore"):
                means[start : start + len(drawn)] = (drawn @ values) / sizes
        found.append(means)
    return found
