"""What is measured: the question put to an engine, the names of the measures, the values of every query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.exclusions import LeftOut

MULTI = ("H-AP", "NDCG", "ASI")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Question:
    """Everything an engine must know besides the similarities.

    Attributes:
        query_codes: (Q, L) int64 class codes from 0, finest scale first, nested.
        item_codes: (N, L) int64 class codes of the gallery, numbered as the queries'.
        left_out: which items are left out of a query's list.
        ks: the k of CMC@k.
        alpha: α of H-AP.
    """

    query_codes: Ints
    item_codes: Ints
    left_out: LeftOut
    ks: tuple[int, ...]
    alpha: float

    @property
    def num_scales(self) -> int:
        """L."""
        return int(self.query_codes.shape[1])


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

    @classmethod
    def empty(cls, queries: int, question: Question) -> "Scores":
        """Make room for the measures of some queries."""
        measures = len(single_names(question.ks))
        return cls(np.empty((queries, question.num_scales, measures)), np.empty((queries, len(MULTI))))


def single_names(ks: Sequence[int]) -> tuple[str, ...]:
    """Name the measures of one scale, in the order of the last axis of `Scores.single`.

    >>> single_names((1, 5))
    ('mAP', 'ASI', 'CMC@1', 'CMC@5', 'mAP@R', 'R-precision')
    """
    return ("mAP", "ASI", *(f"CMC@{k}" for k in ks), "mAP@R", "R-precision")


def mean_without_nan(values: Floats) -> float | None:
    """Average the numbers that are there; None where there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None
