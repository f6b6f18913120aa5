"""Priors: how often two pictures share 0, 1 … L scales before anything is measured.

A prior is (L + 1,) shares that sum to 1, by the number of shared scales. The chance that two pictures are of
one class at scale m is the sum of its last m + 1 shares.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dyml.errors import InputError
from dyml.gauge.pairs import Floats, Ints

Prior = str | Sequence[float]
DATA, EVEN = "data", "even"


def level_prior(wanted: Prior, totals: Ints, scales: Sequence[str]) -> Floats:
    """Return the prior that is asked for.

    Args:
        wanted: `data`: as often as in the data. `even`: every number of shared scales is equally likely, as
            when a person picks two pictures to compare. Or L chances of the same class, fine to coarse.
        totals: (L + 1,) pairs of the data by the number of shared scales.
        scales: L names, fine to coarse.

    Returns:
        (L + 1,) float64.

    Raises:
        InputError: it is none of these, chances fall from fine to coarse, or weight lies on a number of
            shared scales of which the data has no pairs.
    """
    present = np.asarray(totals) > 0
    if wanted == DATA:
        return np.asarray(totals) / np.sum(totals)
    if wanted == EVEN:
        return present / present.sum()
    if isinstance(wanted, str):
        raise InputError(
            f"a prior is {DATA!r}, {EVEN!r}, or the chances of the same class at {', '.join(scales)}; "
            f"got {wanted!r}"
        )
    chances = [float(value) for value in wanted]
    if len(chances) != len(scales):
        raise InputError(
            f"a prior has one chance a scale ({', '.join(scales)}); got {len(chances)}: {chances}"
        )
    steps = np.diff([0.0, *chances, 1.0])
    if not np.isfinite(chances).all() or (steps < 0).any():
        raise InputError(
            f"the chances of a prior lie in 0 … 1 and do not fall from {scales[0]} to {scales[-1]}, since "
            f"what is the same at a finer scale is so at a coarser one; got {chances}"
        )
    prior = steps[::-1].copy()
    missing = np.flatnonzero((prior > 0) & ~present)
    if len(missing):
        raise InputError(
            f"the prior counts on pairs that share {missing[0]} of {len(scales)} scales, but the data has "
            f"none; choose chances without them"
        )
    return prior


def scale_chances(prior: NDArray | Sequence[float]) -> Floats:
    """Return P(same class) at every scale, fine to coarse, of a prior (L + 1,).

    >>> scale_chances([0.5, 0.25, 0.25])
    array([0.25, 0.5 ])
    """
    return np.cumsum(np.asarray(prior, dtype=np.float64)[:0:-1])


def pair_weights(shared: Ints, prior: Floats) -> Floats:
    """Return weights that give every number of shared scales its share of the prior, (P,) with mean 1.

    Numbers that no pair has are left out; the others are then a little more likely.
    """
    counts = np.bincount(shared, minlength=len(prior))
    weights = np.where(counts > 0, prior / np.maximum(counts, 1), 0.0)[shared]
    total = weights.sum()
    return weights * (len(shared) / total) if total > 0 else weights
