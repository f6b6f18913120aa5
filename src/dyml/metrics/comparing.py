"""Two results over the same queries: how far apart, and whether chance in the queries explains it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dyml.errors import InputError
from dyml.metrics.chosen import HEIGHTS
from dyml.metrics.measures import Floats
from dyml.metrics.resampling import bootstrap_means, checked_draws, flipped_means, mean_over_parts
from dyml.metrics.result import COUNTS, Result

UNPAIRED = HEIGHTS[1]  # Over the queries with errors, which are others in each result.


@dataclass(frozen=True)
class Difference:
    """One measure of two results.

    Attributes:
        first: its value in the first result.
        second: in the second.
        delta: second − first.
        low, high: the confidence interval of the delta; None where values of every query are not at hand.
        p: the chance of a delta so large, in either direction, if the results differed by chance alone.
    """

    first: float
    second: float
    delta: float
    low: float | None = None
    high: float | None = None
    p: float | None = None


def compare_results(
    first: Result, second: Result, *, level: float = 0.95, draws: int = 2000, seed: int = 0
) -> dict[str, dict[str, Difference]]:
    """Compare two results measure by measure, query by query where both kept the values of every query.

    The interval is a paired bootstrap, the test a paired randomisation test (signs flipped at random); p is
    never below 1 / (draws + 1). No correction is made for testing several measures.

    Args:
        first: the one to compare with.
        second: the other, of the same scales, protocol and queries.
        level: of the interval.
        draws: of the bootstrap and of the test.
        seed: of both.

    Returns:
        Per scale, "overall" and "multi", by name, the measures that both have.

    Raises:
        InputError: results of other scales, protocols or queries.
    """
    checked_draws(level, draws)
    _check_alike(first, second)
    rows = {**first.by_scale, "overall": first.overall, "multi": first.multi}
    others = {**second.by_scale, "overall": second.overall, "multi": second.multi}
    extents = _extents(first, second, level, draws, seed)
    found: dict[str, dict[str, Difference]] = {}
    for part, row in rows.items():
        found[part] = {}
        for name, value in row.items():
            other = others[part].get(name)
            if name in COUNTS or value is None or other is None:
                continue
            found[part][name] = Difference(
                value, other, other - value, *extents.get((part, name), (None, None, None))
            )
    return found


def _check_alike(first: Result, second: Result) -> None:
    if first.scales != second.scales:
        raise InputError(f"results of other scales: {', '.join(first.scales)} and {', '.join(second.scales)}")
    if None not in (first.rule, second.rule) and first.rule != second.rule:
        raise InputError(
            f"results of other protocols, {first.rule!r} and {second.rule!r}, cannot be compared: "
            f"evaluate both by one"
        )
    for scale in first.scales:
        counts = [tuple(r.by_scale[scale][name] for name in COUNTS) for r in (first, second)]
        if counts[0] != counts[1]:
            raise InputError(
                f"the results are of other queries: at scale {scale!r} one has {counts[0][0]:,.0f} and the "
                f"other {counts[1][0]:,.0f} with a relevant item, and {counts[0][1]:,.0f} and "
                f"{counts[1][1]:,.0f} without"
            )
    classes = [r.classes for r in (first, second)]
    if classes[0] is not None and classes[1] is not None and not np.array_equal(classes[0], classes[1]):
        raise InputError("the results are of other queries, or of the same in another order: labels differ")


def _extents(
    first: Result, second: Result, level: float, draws: int, seed: int
) -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """Return low, high and p by part and name."""
    if first.per_query is None or second.per_query is None:
        return {}
    parts = [part for part in first.per_query if part in second.per_query]
    # A part of other lengths or other gaps would pair queries that are not the same.
    names, values = {}, []
    for part in parts:
        mine, theirs = first.per_query[part], second.per_query[part]
        names[part] = [name for name in mine if name in theirs and name != UNPAIRED]
        table = [np.stack([columns[name] for name in names[part]], 1) for columns in (mine, theirs)]
        if table[0].shape != table[1].shape or not np.array_equal(np.isnan(table[0]), np.isnan(table[1])):
            raise InputError(f"the results are of other queries: those of {part!r} differ")
        values.append(table[1] - table[0])
    joint = first.classes is not None and second.classes is not None
    drawn = bootstrap_means(values, joint, draws, seed)
    flipped = flipped_means(values, joint, draws, seed + 1)
    extents = {}
    for i, part in enumerate(parts):
        observed = _means(values[i])
        extents.update(_judge(part, names[part], observed, drawn[i], flipped[i], level))
    scales = [i for i, part in enumerate(parts) if part in first.scales]
    if scales:
        observed = mean_over_parts([_means(values[i]) for i in scales])
        resampled = mean_over_parts([drawn[i] for i in scales])
        turned = mean_over_parts([flipped[i] for i in scales])
        extents.update(_judge("overall", names[parts[scales[0]]], observed, resampled, turned, level))
    return extents


def _means(values: Floats) -> Floats:
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return (np.where(there, values, 0).sum(0) / there.sum(0))[None]


def _judge(
    part: str, names: list[str], observed: Floats, drawn: Floats, flipped: Floats, level: float
) -> dict[tuple[str, str], tuple[float, float, float]]:
    found = {}
    for column, name in enumerate(names):
        means, value = drawn[:, column], observed[0, column]
        if np.isnan(value) or np.isnan(means).all():
            continue
        low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
        # Sums in another order may differ in the last digit: what is as far away counts as that.
        as_far = np.abs(flipped[:, column]) >= abs(value) * (1 - 1e-9) - 1e-15
        found[part, name] = float(low), float(high), float((1 + as_far.sum()) / (1 + len(flipped)))
    return found
