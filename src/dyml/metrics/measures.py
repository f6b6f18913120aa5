"""What is measured: the question put to an engine, the names of the measures, the values of every query."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dyml.metrics.chosen import Chosen
from dyml.metrics.exclusions import LeftOut

MULTI = ("H-AP", "NDCG", "ASI")

Floats = NDArray[np.float64]
PerQuery = Mapping[str, Mapping[str, Floats]]
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
        chosen: measures beyond the usual ones.
        linear_gain: an item's gain in NDCG is its level l, not 2^l − 1.
    """

    query_codes: Ints
    item_codes: Ints
    left_out: LeftOut
    ks: tuple[int, ...]
    alpha: float
    chosen: tuple[Chosen, ...] = ()
    linear_gain: bool = False

    @property
    def num_scales(self) -> int:
        """L."""
        return int(self.query_codes.shape[1])

    @property
    def single_chosen(self) -> tuple[Chosen, ...]:
        """The chosen measures of one scale."""
        return tuple(measure for measure in self.chosen if not measure.is_multi)

    @property
    def multi_chosen(self) -> tuple[Chosen, ...]:
        """The chosen measures over all scales."""
        return tuple(measure for measure in self.chosen if measure.is_multi)

    @property
    def single_names(self) -> tuple[str, ...]:
        """The measures of one scale, the usual ones first."""
        return (*single_names(self.ks), *(measure.name for measure in self.single_chosen))

    @property
    def multi_names(self) -> tuple[str, ...]:
        """The measures over all scales, the usual ones first."""
        return (*MULTI, *(measure.name for measure in self.multi_chosen))


@dataclass(frozen=True)
class Scores:
    """The measures of every query.

    Attributes:
        single: (Q, L, M) float64, scale by scale in the order of `Question.single_names`; NaN where a query
            has no relevant item at that scale.
        multi: (Q, G) float64 in the order of `Question.multi_names`; NaN where a query has no related item.
    """

    single: Floats
    multi: Floats

    @classmethod
    def empty(cls, queries: int, question: Question) -> "Scores":
        """Make room for the measures of some queries."""
        single, multi = len(question.single_names), len(question.multi_names)
        return cls(np.empty((queries, question.num_scales, single)), np.empty((queries, multi)))


def single_names(ks: Sequence[int]) -> tuple[str, ...]:
    """Name the usual measures of one scale, in the order of the last axis of `Scores.single`.

    >>> single_names((1, 5))
    ('mAP', 'ASI', 'CMC@1', 'CMC@5', 'mAP@R', 'R-precision')
    """
    return ("mAP", "ASI", *(f"CMC@{k}" for k in ks), "mAP@R", "R-precision")


def mean_without_nan(values: Floats) -> float | None:
    """Average the numbers that are there; None where there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None
