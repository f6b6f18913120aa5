"""What the ruler says of one similarity."""

from dyml.gauge.marks import Plain


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
