"""Whether the fields of a gauge fit together, so that no gauge exists that contradicts itself."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge


def check_fields(gauge: "Gauge") -> None:
    """Raise ValueError unless lengths agree, probabilities rise and nest, and priors are priors."""
    levels, knots, table = len(gauge.scales) + 1, np.array(gauge.similarity), np.array(gauge.chances)
    lengths = {len(gauge.chances), len(gauge.choices), len(gauge.range.eer), len(gauge.range.distance)}
    if lengths != {len(gauge.scales)} or not gauge.scales or len(set(gauge.scales)) != len(gauge.scales):
        raise ValueError("scales, chances, choices and range must have one entry a scale")
    if table.ndim != 2 or table.shape[1] != len(knots) or not len(knots) or (np.diff(knots) <= 0).any():
        raise ValueError("similarity must rise and be as long as every row of chances")
    if (table < 0).any() or (table > 1).any() or (np.diff(table, axis=1) < 0).any():
        raise ValueError("chances must lie in 0 … 1 and not fall with similarity")
    if (np.diff(table, axis=0) < 0).any():
        raise ValueError("chances must not fall from a finer scale to a coarser one")
    for name, prior in (("prior", gauge.prior), ("data_prior", gauge.data_prior)):
        if len(prior) != levels or min(prior) < 0 or abs(sum(prior) - 1) > 1e-9:
            raise ValueError(f"{name} must be {levels} shares that sum to 1")
    if not gauge.cuts or (np.diff(gauge.cuts) >= 0).any() or len(gauge.accepted) != levels:
        raise ValueError(f"cuts must fall, and accepted must have {levels} rows")
    if any(row and len(row) != len(gauge.cuts) for row in gauge.accepted):
        raise ValueError("every row of accepted must be empty or as long as cuts")
    unknown = {mark.scale for mark in gauge.marks} - set(gauge.scales)
    if unknown:
        raise ValueError(f"marks of unknown scales: {sorted(unknown)}")
