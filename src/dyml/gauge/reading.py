"""What the ruler says of one similarity."""

from typing import TYPE_CHECKING

from dyml.gauge.criteria import parse_criterion
from dyml.gauge.marks import Plain, checked_cosines, distance

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge


class ScaleReading(Plain):
    """Same or different at one scale.

    Attributes:
        scale: its name.
        same: whether two pictures of this similarity count as the same.
        probability: P(same class at this scale) under the gauge's prior.
        threshold: the similarity from which on they do; None if none does.
    """

    scale: str
    same: bool
    probability: float
    threshold: float | None


class Reading(Plain):
    """One similarity, read at every scale.

    Attributes:
        similarity: the cosine.
        distance: of the unit vectors, sqrt(2 − 2 · similarity).
        scales: fine to coarse.
    """

    similarity: float
    distance: float
    scales: tuple[ScaleReading, ...]


def read_off(gauge: "Gauge", similarity: float, criterion: str) -> Reading:
    """Read one similarity; see `Gauge.read`."""
    value = float(checked_cosines(similarity))
    parsed, chances = parse_criterion(criterion), gauge.probability(value)
    rows = []
    for m, scale in enumerate(gauge.scales):
        found = gauge.mark(m, criterion)
        threshold = None if found is None else found.similarity.value
        chance = float(chances[m])
        if parsed.kind == "p" and parsed.value is not None:
            same = chance >= parsed.value
        else:
            same = threshold is not None and value >= threshold
        rows.append(ScaleReading(scale=scale, same=same, probability=chance, threshold=threshold))
    return Reading(similarity=value, distance=float(distance(value)), scales=tuple(rows))
