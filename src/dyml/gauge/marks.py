"""Marks on the ruler: thresholds with their error rates, and how sure they are."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from dyml.errors import InputError
from dyml.gauge.criteria import Criterion, f1_score, parse_criterion, pick, precision
from dyml.gauge.pairs import Floats
from dyml.gauge.priors import scale_chances
from dyml.gauge.rates import Rates

FIGURES = ("similarity", "distance", "false_accept", "false_reject", "precision", "f1")


class Plain(BaseModel):
    """A frozen value that is saved as JSON: all keys known, no NaN, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Estimate(Plain):
    """A number with its bootstrap interval (95 %), if one was made.

    Attributes:
        value: estimated from all pairs.
        low: the 2.5 % quantile over the replicates.
        high: the 97.5 % quantile.
    """

    value: float
    low: float | None = None
    high: float | None = None


class Mark(Plain):
    """One threshold of one scale: pairs of at least this similarity count as the same.

    Attributes:
        scale: its name.
        criterion: how it was chosen, such as `eer` or `far=0.01`.
        similarity: the threshold, a cosine.
        distance: the same as a Euclidean distance of unit vectors, sqrt(2 − 2 · similarity).
        false_accept: share of the different pairs that it accepts.
        false_reject: share of the same pairs that it rejects.
        precision: share of the accepted pairs that are the same, under the gauge's prior.
        f1: of precision and recall, likewise.
    """

    scale: str
    criterion: str
    similarity: Estimate
    distance: Estimate
    false_accept: Estimate
    false_reject: Estimate
    precision: Estimate
    f1: Estimate

    @property
    def eer(self) -> float:
        """The equal error rate, for the criterion `eer`: the mean of both error rates."""
        return (self.false_accept.value + self.false_reject.value) / 2


def distance(similarity: Floats | float) -> Floats:
    """Return the Euclidean distance of unit vectors of a cosine similarity, sqrt(2 − 2 · similarity)."""
    return np.sqrt(np.maximum(2 - 2 * np.asarray(similarity, dtype=np.float64), 0))


def checked_cosines(similarity: ArrayLike) -> Floats:
    """Return similarities as float64, of any shape.

    Raises:
        InputError: one is not a finite number in −1 … 1 (rounding of a thousandth is let pass).
    """
    values = np.asarray(similarity, dtype=np.float64)
    good = np.abs(values) <= 1 + 1e-3
    if not good.all():
        raise InputError(
            f"similarities are cosines in −1 … 1; got {np.atleast_1d(values)[~np.atleast_1d(good)][0]}"
        )
    return values


def figures_at(rates: Rates, scale: int, prior: Floats, index: int) -> dict[str, float] | None:
    """Return the figures of a mark at one of the thresholds; None where the scale has no rates."""
    found = rates.at_scale(scale, prior)
    if found is None:
        return None
    false_accept, true_accept = (row[index : index + 1] for row in found)
    chance = float(scale_chances(prior)[scale])
    cut = float(rates.cuts[index])
    return {
        "similarity": cut,
        "distance": float(distance(cut)),
        "false_accept": float(false_accept[0]),
        "false_reject": float(1 - true_accept[0]),
        "precision": float(precision(false_accept, true_accept, chance)[0]),
        "f1": float(f1_score(false_accept, true_accept, chance)[0]),
    }


def figures_for(rates: Rates, scale: int, prior: Floats, criterion: Criterion) -> dict[str, float] | None:
    """Return the figures of the threshold that a criterion chooses; None where there is none.

    Args:
        rates: of all pairs, of a sample of them, or of a bootstrap replicate.
        scale: m, 0 the finest.
        prior: (L + 1,).
        criterion: any but a probability.
    """
    found = rates.at_scale(scale, prior)
    if found is None:
        return None
    index = pick(criterion, *found, float(scale_chances(prior)[scale]))
    return None if index is None else figures_at(rates, scale, prior, index)


def make_marks(
    rates: Rates,
    prior: Floats,
    scales: Sequence[str],
    criteria: Sequence[str],
    replicates: Sequence[Rates] = (),
) -> tuple[Mark, ...]:
    """Choose a threshold for every scale and criterion, with intervals from bootstrap replicates.

    Criteria that no threshold fulfils, and probabilities, are left out.
    """
    marks = []
    for m, scale in enumerate(scales):
        for text in criteria:
            criterion = parse_criterion(text)
            found = None if criterion.kind == "p" else figures_for(rates, m, prior, criterion)
            if found is None:
                continue
            again = [figures_for(other, m, prior, criterion) for other in replicates]
            marks.append(mark(scale, str(criterion), found, [one for one in again if one is not None]))
    return tuple(marks)


def probability_mark(
    rates: Rates, scale: int, name: str, criterion: Criterion, prior: Sequence[float], cut: float
) -> Mark | None:
    """Return the mark where P(same) reaches a probability.

    Its error rates are those of the nearest threshold, not lower, at which rates are known.
    """
    index = max(int(np.searchsorted(-rates.cuts, -cut, side="right")) - 1, 0)
    figures = figures_at(rates, scale, np.array(prior), index)
    if figures is None:
        return None
    return mark(name, str(criterion), figures | {"similarity": cut, "distance": float(distance(cut))})


def mark(
    scale: str, criterion: str, found: Mapping[str, float], again: Sequence[Mapping[str, float]] = ()
) -> Mark:
    """Put figures and those of the replicates together."""
    figures = {name: estimate(found[name], [one[name] for one in again]) for name in FIGURES}
    return Mark(scale=scale, criterion=criterion, **figures)


def estimate(value: float, again: Sequence[float], share: float = 0.95) -> Estimate:
    """Return a value with the percentile interval of its bootstrap replicates, none below ten of them."""
    if len(again) < 10:
        return Estimate(value=value)
    low, high = np.quantile(again, [(1 - share) / 2, (1 + share) / 2])
    return Estimate(value=value, low=float(low), high=float(high))
