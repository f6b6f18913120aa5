"""A gauge under another prior, without its pairs: from the probabilities and error rates that it keeps."""

from typing import TYPE_CHECKING, Any

import numpy as np

from dyml.errors import InputError
from dyml.gauge.consistency import with_prior
from dyml.gauge.dynamic_range import dynamic_range
from dyml.gauge.marks import make_marks
from dyml.gauge.priors import Prior, level_prior

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge


def fields_with_prior(gauge: "Gauge", prior: Prior) -> dict[str, Any]:
    """Return the fields of a gauge that another prior changes; none where it is the same.

    Intervals and the judgement belong to the old prior, so they are left out.

    Raises:
        InputError: it is no prior, or counts on pairs that the gauge knows nothing of.
    """
    old, new = np.array(gauge.prior), level_prior(prior, np.array(gauge.data_prior), gauge.scales)
    if np.array_equal(old, new):
        return {}
    if ((new > 0) & (old == 0)).any():
        raise InputError("the gauge was fitted under a prior that rules some pairs out; fit it again")
    table = with_prior(np.array(gauge.chances).T, old, new)
    criteria = tuple(dict.fromkeys(mark.criterion for mark in gauge.marks))
    marks = make_marks(gauge.rates, new, gauge.scales, criteria)
    return {
        "prior": tuple(new.tolist()),
        "chances": tuple(map(tuple, table.T.tolist())),
        "marks": marks,
        "range": dynamic_range(marks, gauge.scales, new, (), gauge.range.bound),
        "judged": (),
    }
