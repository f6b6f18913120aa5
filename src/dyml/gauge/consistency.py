"""Make the curves of all scales agree: P(same fine) ≤ P(same middle) ≤ P(same coarse), and all rise."""

from collections.abc import Sequence

import numpy as np

from dyml.gauge.calibration import Curve
from dyml.gauge.pairs import Floats


def consistent(chances: Floats) -> Floats:
    """Return the nearest table (least squares) whose rows do not fall from the finest scale to the coarsest.

    Scales that disagree at a similarity share their mean there (isotonic regression over the scales, in its
    min-max form). Columns that rise stay rising, since means, minima and maxima of rising curves rise.

    Args:
        chances: (K, L), a row a similarity, finest scale first.
    """
    scales = chances.shape[1]
    sums = np.concatenate([np.zeros((len(chances), 1)), chances.cumsum(axis=1)], axis=1)
    out = np.empty_like(chances)
    for m in range(scales):
        lows = [
            np.min([(sums[:, k + 1] - sums[:, j]) / (k + 1 - j) for k in range(m, scales)], axis=0)
            for j in range(m + 1)
        ]
        out[:, m] = np.max(lows, axis=0)
    # Sums and means round; the order must hold to the last bit.
    return np.maximum.accumulate(np.clip(out, 0.0, 1.0), axis=1)


def joined(curves: Sequence[Curve], most: int = 1024) -> tuple[Floats, Floats]:
    """Put the curves of all scales on common knots and make them agree.

    Args:
        curves: one a scale, finest first.
        most: knots; of more, some are kept, evenly in their order, and both ends.

    Returns:
        (K,) similarities, rising, and (K, L) probabilities.
    """
    knots = np.unique(np.concatenate([curve.similarity for curve in curves]))
    if len(knots) > most:
        knots = knots[np.unique(np.linspace(0, len(knots) - 1, most).round().astype(int))]
    table = consistent(np.stack([curve(knots) for curve in curves], axis=1))
    return knots, np.maximum.accumulate(table, axis=0)


def with_prior(table: Floats, old: Floats, new: Floats) -> Floats:
    """Return probabilities under another prior (Bayes' rule by the number of shared scales).

    P'(l | s) ∝ P(l | s) · new_l / old_l, where l is the number of shared scales: how similar the pairs of a
    kind are does not depend on how frequent they are. What rounds or wiggles is made to rise again, half-way
    between the curve of running maxima and that of running minima.

    Args:
        table: (K, L) P(same), finest scale first, rising and consistent.
        old: (L + 1,) the prior that it holds for.
        new: (L + 1,) another.
    """
    exactly = -np.diff(np.concatenate([np.ones((len(table), 1)), table[:, ::-1]], axis=1), append=0.0, axis=1)
    ratio = np.divide(new, old, out=np.zeros_like(new), where=old > 0)
    weighted = np.maximum(exactly, 0.0) * ratio
    totals = weighted.sum(axis=1, keepdims=True)
    shares = np.divide(weighted, totals, out=np.tile(new, (len(table), 1)), where=totals > 0)
    chances = np.clip(shares[:, :0:-1].cumsum(axis=1), 0.0, 1.0)
    up = np.maximum.accumulate(chances, axis=0)
    down = np.minimum.accumulate(chances[::-1], axis=0)[::-1]
    return np.maximum.accumulate((up + down) / 2, axis=1)


def crossing(knots: Floats, row: Floats, wanted: float) -> float | None:
    """Return the lowest similarity at which a rising curve has a value, −1 where it has it everywhere.

    Args:
        knots: (K,) similarities, rising.
        row: (K,) values, straight between the knots and constant beyond.
        wanted: a value.
    """
    place = int(np.searchsorted(row, wanted))
    if place == len(row):
        return None
    if place == 0:
        return -1.0
    part = (wanted - row[place - 1]) / (row[place] - row[place - 1])
    return float(knots[place - 1] + part * (knots[place] - knots[place - 1]))
