"""Values of metadata as columns, so that filters look at arrays and not at JSON."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MetadataColumn:
    """The values that rows have under one name, apart by kind.

    Attributes:
        texts: rows, and their values as an array of objects.
        numbers: rows, and their values, int64 where all are whole, else float64.
        truths: rows, and their values, bool.
    """

    texts: tuple[Rows, NDArray[Any]]
    numbers: tuple[Rows, NDArray[Any]]
    truths: tuple[Rows, NDArray[Any]]


def metadata_columns(metadata: Any) -> dict[str, MetadataColumn]:
    """Read JSON texts into columns.

    Args:
        metadata: N texts or None, Arrow.
    """
    gathered: dict[str, tuple[list[Any], ...]] = {}
    for row, text in enumerate(metadata.to_pylist()):
        if text is None:
            continue
        for name, value in json.loads(text).items():
            lists = gathered.setdefault(name, ([], [], [], [], [], []))
            kind = 0 if isinstance(value, str) else 4 if isinstance(value, bool) else 2
            lists[kind].append(row)
            lists[kind + 1].append(value)
    return {name: _column(*lists) for name, lists in gathered.items()}


def _column(*lists: list[Any]) -> MetadataColumn:
    text_rows, texts, number_rows, numbers, truth_rows, truths = lists
    whole = all(isinstance(value, int) for value in numbers)
    objects = np.empty(len(texts), object)
    objects[:] = texts
    return MetadataColumn(
        (np.array(text_rows, np.int64), objects),
        (np.array(number_rows, np.int64), np.array(numbers, np.int64 if whole else np.float64)),
        (np.array(truth_rows, np.int64), np.array(truths, bool)),
    )
