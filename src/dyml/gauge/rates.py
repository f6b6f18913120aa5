"""How many pairs a similarity threshold takes for the same, by the number of scales that they share.

A pair counts as the same where its similarity is at least the threshold. All error rates of all scales under
any prior follow from the shares accepted among the pairs that share 0, 1 … L scales.
"""

from dataclasses import dataclass

import numpy as np

from dyml.gauge.pairs import Floats, Ints


@dataclass(frozen=True, eq=False)
class Rates:
    """Shares of accepted pairs.

    Attributes:
        cuts: (K,) float64, thresholds from high to low; the last accepts every pair.
        accepted: (L + 1, K) float64, the share of the pairs with 0 … L shared scales that each threshold
            accepts; a row of NaN where there are none.
    """

    cuts: Floats
    accepted: Floats

    def at_scale(self, scale: int, prior: Floats) -> tuple[Floats, Floats] | None:
        """Return the rates at a scale, or None where it has no same or no different pairs.

        Args:
            scale: m, 0 the finest.
            prior: (L + 1,) by the number of shared scales; weighs them among same and different pairs.

        Returns:
            (K,) share of different pairs that are accepted, and (K,) share of same pairs that are.
        """
        border = len(self.accepted) - 1 - scale
        different = _mixture(self.accepted[:border], prior[:border])
        same = _mixture(self.accepted[border:], prior[border:])
        return None if same is None or different is None else (different, same)


def cut_points(similarity: Floats) -> Floats:
    """Return every threshold that matters, from high to low: half-way between neighbouring similarities.

    The last one is the lowest similarity itself.
    """
    values = np.unique(similarity)
    middle = values[:-1] + (values[1:] - values[:-1]) / 2
    # Half-way between neighbouring floats can round down to the lower one, which it must not accept.
    return np.r_[values[0], np.where(middle > values[:-1], middle, values[1:])][::-1]


def places(similarity: Floats, cuts: Floats) -> Ints:
    """Return the first of the `cuts` (high to low) that accepts each similarity."""
    return len(cuts) - np.searchsorted(cuts[::-1], similarity, side="right")


def rates_at(place: Ints, shared: Ints, scales: int, cuts: Floats, weights: Floats | None = None) -> Rates:
    """Count the accepted pairs.

    Args:
        place: (P,) from `places`.
        shared: (P,) numbers of shared scales.
        scales: L.
        cuts: (K,) thresholds, high to low.
        weights: (P,) how often each pair counts; None: once.
    """
    size = len(cuts)
    counts = np.bincount(shared * size + place, weights, minlength=(scales + 1) * size)
    sums = counts.reshape(scales + 1, size).astype(np.float64).cumsum(axis=1)
    totals = sums[:, -1:]
    return Rates(cuts, np.divide(sums, totals, out=np.full_like(sums, np.nan), where=totals > 0))


def all_rates(similarity: Floats, shared: Ints, scales: int) -> Rates:
    """Return the rates at every threshold that matters."""
    cuts = cut_points(similarity)
    return rates_at(places(similarity, cuts), shared, scales, cuts)


def thinned(rates: Rates, steps: int = 256, tail: int = 40) -> Rates:
    """Keep some thresholds, with their exact rates: evenly by share at every level, and denser in the tails.

    Args:
        rates: at many thresholds; returned as it is where there are few.
        steps: thresholds for every number of shared scales, evenly by share.
        tail: more of them at either end, where shares shrink by a fixed factor.
    """
    size = len(rates.cuts)
    if size <= steps:
        return rates
    even = np.linspace(0, 1, steps)
    ends = np.geomspace(1e-6, 1 / steps, tail)
    wanted = np.unique(np.r_[even, ends, 1 - ends])
    kept = [np.array([0, size - 1])]
    for row in rates.accepted:
        if np.isfinite(row[-1]):
            kept.append(np.minimum(np.searchsorted(row, wanted), size - 1))
    index = np.unique(np.concatenate(kept))
    return Rates(rates.cuts[index], rates.accepted[:, index])


def _mixture(rows: Floats, prior: Floats) -> Floats | None:
    present = np.isfinite(rows[:, -1])
    weights = np.where(present, prior, 0.0)
    if weights.sum() <= 0:
        return None
    return (weights[present] / weights.sum()) @ rows[present]
