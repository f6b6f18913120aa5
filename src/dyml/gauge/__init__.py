"""The gauge: per scale, from which similarity on two pictures are of one class, and how likely that is.

`fit_gauge` makes a `Gauge` from labelled embeddings; `Gauge.load` reads the one of a model folder.
"""

from dyml.gauge.fitting import fit_gauge, judged_on
from dyml.gauge.gauge import Gauge
from dyml.gauge.marks import Estimate, Mark
from dyml.gauge.reading import Reading, ScaleReading

__all__ = ["Estimate", "Gauge", "Mark", "Reading", "ScaleReading", "fit_gauge", "judged_on"]
