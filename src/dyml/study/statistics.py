"""Mean, spread and who is ahead: from a few seeds, said with care."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Spread:
    """The mean of some values, their standard deviation (None for one value), and how many there are."""

    mean: float
    std: float | None
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Return mean and sample standard deviation (with n - 1).

    >>> spread([1.0, 3.0])
    Spread(mean=2.0, std=1.4142135623730951, count=2)
    """
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return Spread(mean, None, len(values))
    squares = math.fsum((value - mean) ** 2 for value in values)
    return Spread(mean, math.sqrt(squares / (len(values) - 1)), len(values))


def pooled_std(spreads: Sequence[Spread]) -> float | None:
    """Return the standard deviation of a single run, from the spreads of several methods taken together.

    The square root of the mean variance, weighted by degrees of freedom; None where no method has two values.

    >>> pooled_std([Spread(5.0, 3.0, 2), Spread(9.0, 4.0, 2)])
    3.5355339059327378
    """
    free = [(s.count - 1, s.std) for s in spreads if s.std is not None]
    total = sum(count for count, _ in free)
    if not total:
        return None
    return math.sqrt(math.fsum(count * std**2 for count, std in free) / total)


def standard_error(a: Spread, b: Spread, std: float | None) -> float | None:
    """Return how uncertain the difference of two means is: `std · √(1/n_a + 1/n_b)`."""
    return None if std is None else std * math.sqrt(1 / a.count + 1 / b.count)


class Standing(NamedTuple):
    """Who is ahead at one measure.

    Attributes:
        best: the method of the greatest mean.
        level: all methods that cannot be told from it, itself first, by falling mean.
        margin: what a difference must exceed to count, at equal numbers of seeds; None where it is unknown.
    """

    best: str
    level: tuple[str, ...]
    margin: float | None

    @property
    def wins(self) -> bool:
        """Whether one method is ahead of all others, by more than chance."""
        return len(self.level) == 1


def standing(found: Mapping[str, Spread], std: float | None, factor: float = 2.0) -> Standing:
    """Say who is ahead, and who is level with them.

    A method is behind where its mean is below the best by more than `factor` standard errors of the
    difference. Without a known spread nobody can be said to be behind.

    Args:
        found: by method, its values.
        std: the pooled standard deviation of one run.
        factor: 2 for about 95 %.
    """
    order = sorted(found, key=lambda name: -found[name].mean)
    best = order[0]
    level, margin = [], None
    for name in order:
        error = standard_error(found[best], found[name], std)
        if error is None or found[best].mean - found[name].mean <= factor * error:
            level.append(name)
    if std is not None:
        fewest = min(s.count for s in found.values())
        margin = factor * std * math.sqrt(2 / fewest)
    return Standing(best, tuple(level), margin)
