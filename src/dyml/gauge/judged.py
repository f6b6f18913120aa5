"""How well a gauge does on pictures of classes that it was not fitted on: reliability and proper scores."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dyml.gauge.calibration import proper_score
from dyml.gauge.choosing import Sample
from dyml.gauge.marks import Plain
from dyml.gauge.pairs import Floats

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge

BINS = 15


class Bin(Plain):
    """Pairs with predictions in one of the equal parts of 0 … 1.

    Attributes:
        predicted: their mean P(same).
        observed: the share that is the same.
        weight: the share of all pairs that lies here.
        count: how many pairs were looked at.
    """

    predicted: float
    observed: float
    weight: float
    count: int


class Reliability(Plain):
    """A reliability diagram under one prior.

    Attributes:
        ece: expected calibration error, Σ weight · |predicted − observed| over 15 bins of equal width.
        log_loss: mean, in nats.
        brier: mean squared error.
        bins: those with pairs, from low to high predictions.
    """

    ece: float
    log_loss: float
    brier: float
    bins: tuple[Bin, ...]


class Judged(Plain):
    """One scale on unseen classes.

    Attributes:
        scale: its name.
        data: under the gauge's own prior.
        even: under the prior that makes every number of shared scales equally likely.
        false_accept: at the gauge's `eer` threshold; None where it has none, or there are no such pairs.
        false_reject: likewise.
    """

    scale: str
    data: Reliability
    even: Reliability
    false_accept: float | None
    false_reject: float | None


def judge_gauge(gauge: "Gauge", sample: Sample, even: "Gauge", even_sample: Sample) -> tuple[Judged, ...]:
    """Return how a gauge does on a sample of pairs.

    Args:
        gauge: fitted on other classes.
        sample: pairs weighted to the gauge's prior.
        even: the gauge under the even prior.
        even_sample: the same pairs, weighted to it.
    """
    judged = []
    predictions, even_predictions = (g.probability(sample.similarity) for g in (gauge, even))
    for m, scale in enumerate(gauge.scales):
        same, mark = sample.same(m), gauge.mark(m)
        accepted = None if mark is None else sample.similarity >= mark.similarity.value
        judged.append(
            Judged(
                scale=scale,
                data=reliability(predictions[:, m], same, sample.weights),
                even=reliability(even_predictions[:, m], same, even_sample.weights),
                false_accept=_share(accepted, ~same, sample.weights),
                false_reject=None if accepted is None else _share(~accepted, same, sample.weights),
            )
        )
    return tuple(judged)


def reliability(predicted: Floats, same: np.ndarray, weights: Floats, bins: int = BINS) -> Reliability:
    """Compare predicted with observed shares.

    Args:
        predicted: (P,) P(same).
        same: (P,) bool.
        weights: (P,) how much each pair counts.
        bins: equal parts of 0 … 1.
    """
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    total = weights.sum()
    rows: list[Bin] = []
    for which in range(bins):
        inside = place == which
        mass = float(weights[inside].sum())
        if mass > 0:
            rows.append(
                Bin(
                    predicted=float((weights[inside] * predicted[inside]).sum() / mass),
                    observed=float((weights[inside] * same[inside]).sum() / mass),
                    weight=float(mass / total),
                    count=int(inside.sum()),
                )
            )
    return Reliability(
        ece=expected_calibration_error(rows),
        log_loss=proper_score("log_loss", predicted, same, weights),
        brier=proper_score("brier", predicted, same, weights),
        bins=tuple(rows),
    )


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return Σ weight · |predicted − observed| (Naeini et al. 2015)."""
    return float(sum(row.weight * abs(row.predicted - row.observed) for row in bins))


def _share(flags: np.ndarray | None, among: np.ndarray, weights: Floats) -> float | None:
    total = weights[among].sum()
    return None if flags is None or total <= 0 else float(weights[among & flags].sum() / total)
