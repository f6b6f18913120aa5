"""A result class by class, and its confidence intervals: what the values of every query tell."""

from typing import TYPE_CHECKING

import numpy as np

from dyml.errors import InputError, suggest
from dyml.metrics.resampling import bootstrap_means, checked_draws, mean_over_parts

if TYPE_CHECKING:
    from dyml.metrics.measures import PerQuery
    from dyml.metrics.result import Result

Extent = tuple[float, float] | None
Extents = dict[str, dict[str, Extent]]


def kept_values(result: "Result") -> "PerQuery":
    """Return the values of every query, or say how to keep them."""
    if result.per_query is None:
        raise InputError("this result holds no values of every query: evaluate(..., keep=True) keeps them")
    return result.per_query


def intervals(result: "Result", level: float = 0.95, draws: int = 1000, seed: int = 0) -> Extents:
    """Return a percentile bootstrap interval over queries for every measure.

    Args:
        result: with the values of every query.
        level: of confidence.
        draws: how many resamples.
        seed: of the draws.

    Returns:
        Per scale, "overall" and "multi", (low, high) by name; None where there is no value.
    """
    checked_draws(level, draws)
    per_query = {part: columns for part, columns in kept_values(result).items() if columns}
    values = [np.stack(list(columns.values()), 1) for columns in per_query.values()]
    means = bootstrap_means(values, result.classes is not None, draws, seed)
    tables = dict(zip(per_query, means))
    names = {part: list(columns) for part, columns in per_query.items()}
    tables["overall"] = mean_over_parts([tables[scale] for scale in result.scales])
    names["overall"] = names[result.scales[0]]
    order = [part for part in (*result.scales, "overall", "multi") if part in tables]
    return {
        part: {name: _extent(tables[part][:, i], level) for i, name in enumerate(names[part])}
        for part in order
    }


def per_class(result: "Result", scale: str) -> dict[int, dict[str, float]]:
    """Average the queries of each class of a scale.

    Args:
        result: with the values of every query, and their classes.
        scale: its name.

    Returns:
        By class id, ascending: `queries` that have a relevant item there, and the measures averaged over
        them. Classes without such a query are left out.

    Raises:
        InputError: no such scale, or nothing kept.
    """
    if scale not in result.scales:
        raise InputError(
            f"no scale {scale!r}; there are {', '.join(result.scales)}.{suggest(scale, result.scales)}"
        )
    columns = kept_values(result)[scale]
    if result.classes is None:
        raise InputError(
            "this result does not hold the classes of its queries: evaluate again with keep=True"
        )
    own = result.classes[:, result.scales.index(scale)]
    there = ~np.isnan(next(iter(columns.values())))
    ids, inverse, sizes = np.unique(own[there], return_inverse=True, return_counts=True)
    means = {
        name: np.bincount(inverse, values[there], minlength=len(ids)) / sizes
        for name, values in columns.items()
    }
    return {
        int(class_id): {
            "queries": int(sizes[i]),
            **{name: float(column[i]) for name, column in means.items()},
        }
        for i, class_id in enumerate(ids)
    }


def intervals_table(result: "Result", found: Extents) -> str:
    """Draw the intervals as text, a line a measure, beside the values."""
    from dyml.metrics.result import shown

    rows = {**result.by_scale, "overall": result.overall, "multi": result.multi}
    lines = []
    for part, extents in found.items():
        for name, extent in extents.items():
            value = shown(name, rows[part][name])
            ends = "–" if extent is None else f"{shown(name, extent[0])} … {shown(name, extent[1])}"
            lines.append((part, name, value, ends))
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        "  ".join([a.ljust(widths[0]), b.ljust(widths[1]), c.rjust(widths[2]), d.rjust(widths[3])])
        for a, b, c, d in lines
    )


def _extent(means: np.ndarray, level: float) -> Extent:
    if np.isnan(means).all():
        return None
    low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
