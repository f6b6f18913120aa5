"""Results as CSV and as LaTeX."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dyml.errors import InputError
from dyml.metrics.chosen import HEIGHTS

if TYPE_CHECKING:
    from dyml.metrics.breakdown import Extents
    from dyml.metrics.result import Result, Row

PAPER = ("ASI", "mAP", "CMC@1")  # The order of the columns in the paper's tables.
_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def csv_table(result: "Result", intervals: "Extents | None" = None) -> str:
    """Write one line a value: scale, measure, value; shares in 0 … 1, empty where there is none.

    Args:
        result: what to write.
        intervals: adds the columns low and high.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["scale", "measure", "value", *([] if intervals is None else ["low", "high"])])
    for part, row in {**result.by_scale, "overall": result.overall, "multi": result.multi}.items():
        for name, value in row.items():
            ends: tuple[float | None, ...] = ()
            if intervals is not None:
                ends = intervals.get(part, {}).get(name) or (None, None)
            numbers = ("" if number is None else repr(number) for number in (value, *ends))
            writer.writerow([part, name, *numbers])
    return file.getvalue()


def arrow_table(result: "Result", intervals: "Extents | None" = None) -> Any:
    """Return a pyarrow table of one row a value: scale, measure, value; shares in 0 … 1, null where none is.

    Args:
        result: what to tell.
        intervals: adds the columns low and high.
    """
    import pyarrow as pa

    rows = [
        (part, name, None if value is None else float(value), (intervals or {}).get(part, {}).get(name))
        for part, row in {**result.by_scale, "overall": result.overall, "multi": result.multi}.items()
        for name, value in row.items()
    ]
    columns = {
        "scale": pa.array([row[0] for row in rows], pa.string()),
        "measure": pa.array([row[1] for row in rows], pa.string()),
        "value": pa.array([row[2] for row in rows], pa.float64()),
    }
    if intervals is not None:
        for place, end in enumerate(("low", "high")):
            columns[end] = pa.array([None if row[3] is None else row[3][place] for row in rows], pa.float64())
    return pa.table(columns)


def latex_table(results: Mapping[str, "Result"], measures: Sequence[str] = PAPER) -> str:
    """Write a LaTeX tabular: a line a method; ASI, mAP and R@1 in percent for every scale and overall.

    The columns are in the order of the paper (Sun et al., CVPR 2021). It needs the package booktabs.

    Args:
        results: by the name of the method, all of the same scales.
        measures: the columns of every scale.

    Raises:
        InputError: no results, other scales, or a measure that a result does not have.
    """
    if not results:
        raise InputError("no results: there is nothing to write")
    first = next(iter(results.values()))
    for name, result in results.items():
        if result.scales != first.scales:
            raise InputError(f"{name} has scales {result.scales}, not {first.scales} as the first result")
        missing = [measure for measure in measures if measure not in result.overall]
        if missing:
            raise InputError(f"{name} has no measure {missing[0]!r}; it has {', '.join(result.overall)}")
    groups = [*first.scales, "overall"]
    size = len(measures)
    heads = [_escaped("R@" + name[4:] if name.startswith("CMC@") else name) for name in measures]
    lines = [
        rf"\begin{{tabular}}{{l{('r' * size) * len(groups)}}}",
        r"\toprule",
        " & ".join(["", *(rf"\multicolumn{{{size}}}{{c}}{{{_escaped(group)}}}" for group in groups)])
        + r" \\",
        " & ".join(["method", *heads * len(groups)]) + r" \\",
        r"\midrule",
    ]
    for name, result in results.items():
        rows: list[Row] = [*result.by_scale.values(), result.overall]
        cells = [_cell(measure, row[measure]) for row in rows for measure in measures]
        lines.append(" & ".join([_escaped(name), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "--"
    return f"{value:.2f}" if name in HEIGHTS else f"{100 * value:.1f}"


def _escaped(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in text)
