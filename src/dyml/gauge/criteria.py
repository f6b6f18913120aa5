"""Rules for choosing a threshold: equal errors, few false accepts, best F1, wanted precision, a probability.

A criterion is written as text, the same in Python, on the command line and in `gauge.json`: `eer`,
`far=0.001`, `f1`, `precision=0.9`, `p=0.5`.
"""

from dataclasses import dataclass

import numpy as np

from dyml.errors import InputError, suggest
from dyml.gauge.pairs import Floats

DEFAULT = ("eer", "far=0.01", "far=0.001", "f1", "precision=0.9", "p=0.5")
WITH_VALUE = ("far", "precision", "p")
KINDS = ("eer", "f1", *WITH_VALUE)
_ROUNDING = 1e-12  # rates are sums of shares, so that 1 of 100 may come out a little above 0.01


@dataclass(frozen=True)
class Criterion:
    """A parsed criterion: its kind, and the wanted rate, precision or probability of some kinds."""

    kind: str
    value: float | None = None

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind}={self.value!r}"

    @property
    def words(self) -> str:
        """What it means, for people."""
        if self.value is None:
            return "equal errors" if self.kind == "eer" else "best F1"
        what = {
            "far": "false accepts at most",
            "precision": "precision at least",
            "p": "probability at least",
        }
        return f"{what[self.kind]} {100 * self.value:g} %"


def parse_criterion(text: str) -> Criterion:
    """Read a criterion.

    Raises:
        InputError: an unknown kind, or a value that is missing or not in 0 … 1.

    >>> parse_criterion("far=0.01")
    Criterion(kind='far', value=0.01)
    """
    kind, equals, number = text.strip().partition("=")
    usual = "a criterion is eer, f1, far=RATE, precision=SHARE or p=PROBABILITY"
    if kind not in KINDS:
        raise InputError(f"{usual}; got {text!r}.{suggest(kind, KINDS)}")
    if kind not in WITH_VALUE:
        if equals:
            raise InputError(f"{usual}; {kind} takes no value, got {text!r}")
        return Criterion(kind)
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"{usual}; {text!r} has no number behind {kind}=") from None
    if not 0 < value < 1:
        raise InputError(f"{usual}, with a value between 0 and 1; got {text!r}")
    return Criterion(kind, value)


def pick(criterion: Criterion, false_accept: Floats, true_accept: Floats, chance: float) -> int | None:
    """Return the position of the threshold that a criterion chooses, or None where none fulfils it.

    - `eer`: where false accepts and false rejects differ least; of several, the highest threshold.
    - `far`: the lowest with at most this share of false accepts, if it accepts any same pair.
    - `f1`: the highest F1; of several, the highest threshold.
    - `precision`: the lowest with at least this precision.

    Args:
        criterion: not of kind `p`, which needs the probabilities.
        false_accept: (K,) at thresholds from high to low.
        true_accept: (K,) likewise.
        chance: the prior P(same).
    """
    if criterion.kind == "eer":
        return int(np.abs(false_accept - (1 - true_accept)).argmin())
    if criterion.kind == "f1":
        return int(f1_score(false_accept, true_accept, chance).argmax())
    if criterion.value is None or criterion.kind not in ("far", "precision"):
        raise InputError(f"{criterion} is not chosen by error rates")
    if criterion.kind == "far":
        fulfilled = (false_accept <= criterion.value + _ROUNDING) & (true_accept > 0)
    else:
        fulfilled = precision(false_accept, true_accept, chance) >= criterion.value - _ROUNDING
    found = np.flatnonzero(fulfilled)
    return int(found[-1]) if len(found) else None


def precision(false_accept: Floats, true_accept: Floats, chance: float) -> Floats:
    """Return the share of accepted pairs that are the same, under a prior P(same); 0 where none is."""
    good = chance * np.asarray(true_accept)
    total = good + (1 - chance) * np.asarray(false_accept)
    return np.divide(good, total, out=np.zeros_like(total), where=total > 0)


def f1_score(false_accept: Floats, true_accept: Floats, chance: float) -> Floats:
    """Return the harmonic mean of precision and recall, under a prior P(same)."""
    good = chance * np.asarray(true_accept)
    wrong = (1 - chance) * np.asarray(false_accept)
    return 2 * good / (good + wrong + chance)
