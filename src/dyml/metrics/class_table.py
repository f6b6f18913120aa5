"""A result class by class: every class as CSV, and the worst as text."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dyml.metrics.breakdown import per_class

if TYPE_CHECKING:
    from dyml.metrics.result import Result

Names = Mapping[str, Sequence[str]]
BY, SHOWN = "mAP", ("CMC@1", "ASI")


def classes_csv(result: "Result", names: Names | None = None) -> str:
    """Write one line a class and scale: scale, class, queries, and its measures, averaged over its queries.

    Args:
        result: with the values of every query.
        names: per scale, the name of every class in the order of its id; None: the ids.

    Raises:
        InputError: the values of every query were not kept.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for i, scale in enumerate(result.scales):
        for class_id, row in per_class(result, scale).items():
            if i == 0 and file.tell() == 0:
                writer.writerow(["scale", "class", *row])
            writer.writerow([scale, _name(names, scale, class_id), *(repr(value) for value in row.values())])
    return file.getvalue()


def worst_classes(result: "Result", most: int, names: Names | None = None) -> str:
    """Draw the classes of the lowest mAP of every scale, the worst first.

    Args:
        result: with the values of every query.
        most: how many of each scale.
        names: per scale, the name of every class in the order of its id; None: the ids.
    """
    rows: list[list[str]] = []
    for scale in result.scales:
        classes = sorted(per_class(result, scale).items(), key=lambda item: (item[1][BY], item[0]))[:most]
        for class_id, row in classes:
            shares = [f"{100 * row[name]:.2f}" for name in (BY, *SHOWN) if name in row]
            rows.append([scale, _name(names, scale, class_id), f"{row['queries']:,}", *shares])
    first = next(iter(per_class(result, result.scales[-1]).values()))
    head = ["worst at", "class", "queries", *(name for name in (BY, *SHOWN) if name in first)]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    lines = [
        "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
        for row in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _name(names: Names | None, scale: str, class_id: int) -> str:
    return str(class_id) if names is None else names[scale][class_id]
