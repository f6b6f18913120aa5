"""The dynamic range of an embedding, as numbers.

- Distance of a scale: sqrt(2 − 2 · s) at its threshold s of equal errors (EER).
- Decibels: 20 · log10(coarsest distance / finest distance). The squared distance is 2 · (1 − s), so this is
  10 · log10 of the ratio of the cosine distances 1 − s, too.
- A scale is resolved if its EER lies below a stated bound.
"""

from collections.abc import Sequence

import numpy as np

from dyml.gauge.criteria import parse_criterion
from dyml.gauge.marks import Estimate, Mark, Plain, estimate, figures_for
from dyml.gauge.pairs import Floats
from dyml.gauge.rates import Rates

EER = parse_criterion("eer")


class DynamicRange(Plain):
    """How far apart the marks of the scales lie, and how many of them can be read.

    Attributes:
        distance: at the threshold of equal errors, fine to coarse; None where a scale has none.
        eer: the equal error rate, likewise.
        decibels: 20 · log10 of coarsest over finest distance; None with one scale, where one of both has no
            threshold, or the finest lies at distance 0.
        bound: below which EER a scale counts as resolved.
        resolved: how many scales are.
    """

    distance: tuple[Estimate | None, ...]
    eer: tuple[Estimate | None, ...]
    decibels: Estimate | None
    bound: float
    resolved: int


def dynamic_range(
    marks: Sequence[Mark], scales: Sequence[str], prior: Floats, replicates: Sequence[Rates], bound: float
) -> DynamicRange:
    """Return the dynamic range that the `eer` marks span.

    Args:
        marks: of every scale; those of other criteria are passed over.
        scales: L names, fine to coarse.
        prior: (L + 1,).
        replicates: bootstrap replicates of the rates.
        bound: EER below which a scale is resolved.
    """
    by_scale = {mark.scale: mark for mark in marks if mark.criterion == "eer"}
    found = [by_scale.get(scale) for scale in scales]
    again = [[figures_for(rates, m, prior, EER) for rates in replicates] for m in range(len(scales))]
    eer = [
        None
        if mark is None
        else estimate(mark.eer, [(one["false_accept"] + one["false_reject"]) / 2 for one in row if one])
        for mark, row in zip(found, again)
    ]
    return DynamicRange(
        distance=tuple(None if mark is None else mark.distance for mark in found),
        eer=tuple(eer),
        decibels=_decibels(found, again),
        bound=bound,
        resolved=sum(one is not None and one.value < bound for one in eer),
    )


def decibels(coarse: float, fine: float) -> float | None:
    """Return 20 · log10(coarse / fine) of two distances; None where one of them is 0.

    >>> decibels(1.0, 0.5)
    6.020599913279624
    """
    return float(20 * np.log10(coarse / fine)) if coarse > 0 and fine > 0 else None


def _decibels(found: Sequence[Mark | None], again: Sequence[Sequence[dict | None]]) -> Estimate | None:
    fine, coarse = found[0], found[-1]
    if len(found) < 2 or fine is None or coarse is None:
        return None
    value = decibels(coarse.distance.value, fine.distance.value)
    if value is None:
        return None
    several = [decibels(b["distance"], a["distance"]) for a, b in zip(again[0], again[-1]) if a and b]
    return estimate(value, [one for one in several if one is not None])
