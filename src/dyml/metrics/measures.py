"""The names of the measures and how per-query values become means."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MULTI = ("H-AP", "NDCG", "ASI")

Floats = NDArray[np.float64]


def single_names(ks: Sequence[int]) -> tuple[str, ...]:
    """Name the measures of one scale, in the order of the last axis of `Scores.single`.

    >>> single_names((1, 5))
    ('mAP', 'ASI', 'CMC@1', 'CMC@5', 'mAP@R', 'R-precision')
    """
    return ("mAP", "ASI", *(f"CMC@{k}" for k in ks), "mAP@R", "R-precision")


@dataclass(frozen=True)
class Scores:
    """The measures of every query.

    Attributes:
        single: (Q, L, M) float64, scale by scale in the order of `single_names`; NaN where a query has no
            relevant item at that scale.
        multi: (Q, 3) float64 in the order of `MULTI`; NaN where a query has no related item.
    """

    single: Floats
    multi: Floats


def mean_without_nan(values: Floats) -> float | None:
    """Average the numbers that are there; None where there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None
