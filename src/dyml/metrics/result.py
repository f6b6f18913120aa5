"""What an evaluation found: a row of measures per scale, their mean over scales, and the graded measures."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dyml.errors import InputError
from dyml.files import write_json
from dyml.metrics import breakdown, formats
from dyml.metrics.chosen import HEIGHTS
from dyml.metrics.inputs import RESERVED, checked_scales
from dyml.metrics.measures import MULTI, Floats, Ints, PerQuery, Question, Scores, mean_without_nan
from dyml.metrics.storage import read_values, values_path, write_values

COUNTS = ("queries", "without relevant")

Row = Mapping[str, float | None]


@dataclass(frozen=True)
class Result:
    """Measures of one evaluation; values are shares in 0 … 1 (heights of common classes: 0 … L).

    Attributes:
        scales: names, fine to coarse.
        by_scale: per scale, the measures by name, averaged over the queries that have a relevant item there;
            with `queries`, how many these are, and `without relevant`, how many were left out. A measure is
            None where no query has one.
        overall: the mean over the scales that have values.
        multi: H-AP, NDCG, graded ASI and what was chosen over all scales, averaged over the queries with a
            related item.
        per_query: per scale and under "multi", every query's values as (Q,) float64 by name, NaN where it was
            left out; None unless it was asked for. Saved beside the JSON, as NAME.queries.npz.
        rule: what each query left out of its list: "leave-one-out" (itself), "query and gallery" (nothing),
            "by id" (the same picture), with "other cameras" where the same camera was left out; None where
            that is not known.
        classes: (Q, L) int64, the labels of the queries, where `per_query` is and all scales share them.
    """

    scales: tuple[str, ...]
    by_scale: Mapping[str, Row]
    overall: Row
    multi: Row
    per_query: PerQuery | None = field(default=None, compare=False)
    rule: str | None = None
    classes: Ints | None = field(default=None, compare=False)

    @classmethod
    def from_scores(
        cls, scores: Scores, scales: tuple[str, ...], question: Question, classes: Ints | None
    ) -> "Result":
        """Average the values of every query.

        Args:
            scores: the measures of every query.
            scales: names, fine to coarse.
            question: what was measured.
            classes: (Q, L) labels of the queries, to keep the values of every query; or None.

        Raises:
            InputError: no query has a relevant item at any scale.
        """
        names = question.single_names
        by_scale: dict[str, Row] = {}
        per_query: dict[str, dict[str, Floats]] = {}
        for m, scale in enumerate(scales):
            columns = {name: scores.single[:, m, i] for i, name in enumerate(names)}
            left_out = sum(map(math.isnan, columns["mAP"]))
            means = {name: mean_without_nan(column) for name, column in columns.items()}
            by_scale[scale] = {
                **means,
                "queries": len(scores.single) - left_out,
                "without relevant": left_out,
            }
            per_query[scale] = columns
        if all(row["queries"] == 0 for row in by_scale.values()):
            raise InputError(
                f"no query has a relevant item in the gallery at any of {', '.join(scales)}: "
                f"are the labels of both numbered alike?"
            )
        per_query["multi"] = {name: scores.multi[:, i] for i, name in enumerate(question.multi_names)}
        multi = {name: mean_without_nan(column) for name, column in per_query["multi"].items()}
        kept = None if classes is None else per_query
        overall, rule = _mean_of_rows(by_scale), question.left_out.rule
        return cls(scales, by_scale, overall, multi, kept, rule, classes)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return plain dictionaries: one per scale, "overall", "multi" and, where it is known, "protocol".

        Missing values are None.
        """
        rows = {scale: dict(self.by_scale[scale]) for scale in self.scales}
        protocol = {} if self.rule is None else {"protocol": {"rule": self.rule}}
        return {**rows, "overall": dict(self.overall), "multi": dict(self.multi), **protocol}

    @classmethod
    def from_dict(cls, value: Mapping[str, Mapping[str, Any]]) -> "Result":
        """Rebuild a result from `to_dict`.

        Raises:
            InputError: the dictionary has not that form.
        """
        try:
            scales = checked_scales([key for key in value if key not in RESERVED])
            overall, multi = dict(value["overall"]), dict(value["multi"])
            missing = [name for name in MULTI if name not in multi]
            if missing:
                raise KeyError(missing[0])
            rows = {scale: {name: value[scale][name] for name in (*overall, *COUNTS)} for scale in scales}
            rule = value["protocol"]["rule"] if "protocol" in value else None
            return cls(scales, rows, overall, multi, rule=rule)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not an evaluation result: {type(error).__name__}: {error}") from error

    def to_json(self, path: str | Path) -> None:
        """Write `to_dict` as JSON, atomically; beside it the values of every query where they were kept."""
        if self.per_query is not None:
            write_values(path, self.per_query, self.classes)
        else:
            # Those of another result must not be taken for this one's.
            values_path(path).unlink(missing_ok=True)
        write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | Path) -> "Result":
        """Read a result written by `to_json`, or the metrics.json of a run.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            value = json.loads(Path(path).read_text(encoding="utf-8"))
            if isinstance(value, dict) and {"test", "baselines"} <= set(value):
                value = value["test"]
            return cls.from_dict(value)._with_values(path)
        except FileNotFoundError as error:
            raise InputError(f"no result file {path}") from error
        except (UnicodeDecodeError, json.JSONDecodeError, InputError) as error:
            raise InputError(f"{path}: {error}") from error

    def _with_values(self, path: str | Path) -> "Result":
        """Add the values of every query, where they lie beside the JSON and belong to it."""
        values = read_values(path)
        if values is None:
            return self
        rows = {**self.by_scale, "multi": self.multi}
        for part, columns in values[0].items():
            for name, column in columns.items():
                mean, saved = mean_without_nan(column), rows.get(part, {}).get(name)
                if (mean is None) != (saved is None) or abs((mean or 0) - (saved or 0)) > 1e-9:
                    raise InputError(
                        f"{values_path(path)} is of another result ({part}, {name}): remove it, or evaluate "
                        f"again"
                    )
        return replace(self, per_query=values[0], classes=values[1])

    def intervals(self, level: float = 0.95, draws: int = 1000, seed: int = 0) -> breakdown.Extents:
        """Return a bootstrap confidence interval over queries for every measure, as (low, high).

        Raises:
            InputError: the values of every query were not kept.
        """
        return breakdown.intervals(self, level, draws, seed)

    def per_class(self, scale: str) -> dict[int, dict[str, float]]:
        """Return the measures of every class of a scale, averaged over its queries, by class id.

        Raises:
            InputError: the values of every query were not kept, or no such scale.
        """
        return breakdown.per_class(self, scale)

    def to_csv(self, intervals: breakdown.Extents | None = None) -> str:
        """Write one line a value: scale, measure, value; and low, high where `intervals` are given."""
        return formats.csv_table(self, intervals)

    def to_arrow(self, intervals: breakdown.Extents | None = None) -> Any:
        """Return a pyarrow table of what `to_csv` writes; `.to_pandas()` makes it a data frame."""
        return formats.arrow_table(self, intervals)

    def to_latex(self, name: str = "dyml") -> str:
        """Write a LaTeX tabular of one method: ASI, mAP and R@1 of every scale, as in the paper."""
        return formats.latex_table({name: self})

    def table(self) -> str:
        """Draw the result as text, in percent: a row per scale, the overall row, then the graded measures.

        Where no scale has left a query out, the numbers of queries are one line instead of two columns.
        """
        names = [name for name in self.overall if name not in COUNTS]
        counts = COUNTS if any(row[COUNTS[1]] for row in self.by_scale.values()) else ()
        head = ["scale", *names, *("queries", "left out")[: len(counts)]]
        rows = [
            [scale, *(shown(name, row[name]) for name in names), *(f"{row[name]:,.0f}" for name in counts)]
            for scale, row in self.by_scale.items()
        ]
        rows.append(["overall", *(shown(name, self.overall[name]) for name in names), *("" for _ in counts)])
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        lines = [_line(row, widths) for row in (head, *rows)]
        rule = "─" * len(lines[0])
        graded = "   ".join(f"{name} {shown(name, value)}" for name, value in self.multi.items())
        last = [f"over all scales   {graded}"]
        if not counts:
            numbers = {f"{row[COUNTS[0]]:,.0f}" for row in self.by_scale.values()}
            last.append(f"queries           {' / '.join(sorted(numbers))}")
        if self.rule is not None:
            last.append(f"protocol          {self.rule}")
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], "", *last])

    def __str__(self) -> str:
        return self.table()


def _mean_of_rows(by_scale: Mapping[str, Row]) -> dict[str, float | None]:
    names = [name for name in next(iter(by_scale.values())) if name not in COUNTS]
    means: dict[str, float | None] = {}
    for name in names:
        there = [value for row in by_scale.values() if (value := row[name]) is not None]
        means[name] = sum(there) / len(there) if there else None
    return means


def shown(name: str, value: float | None) -> str:
    """Write a value as tables show it: a share in percent, a height as it is."""
    if value is None:
        return "–"
    return f"{value:.2f}" if name in HEIGHTS else f"{100 * value:.2f}"


def _line(cells: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths))
    )
    return "  ".join([first, *others]).rstrip()
