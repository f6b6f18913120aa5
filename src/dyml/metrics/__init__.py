"""Retrieval measures at every scale, under one exact protocol.

`evaluate` takes embeddings and labels and returns a `Result`. The measures themselves are pure functions over
the relevance of a ranked list: those of one scale in `single_scale`, those over all scales in `graded`.
"""

from dyml.metrics.comparing import Difference, compare_results
from dyml.metrics.evaluation import evaluate
from dyml.metrics.formats import latex_table
from dyml.metrics.graded import (
    graded_set_intersection,
    hierarchical_average_precision,
    normalised_discounted_gain,
)
from dyml.metrics.result import Result
from dyml.metrics.single_scale import (
    average_precision,
    average_precision_at_r,
    average_set_intersection,
    cumulative_match,
    r_precision,
)
from dyml.metrics.verification import Curve, verify

__all__ = [
    "Curve",
    "Difference",
    "Result",
    "average_precision",
    "average_precision_at_r",
    "average_set_intersection",
    "compare_results",
    "cumulative_match",
    "evaluate",
    "graded_set_intersection",
    "hierarchical_average_precision",
    "latex_table",
    "normalised_discounted_gain",
    "r_precision",
    "verify",
]
