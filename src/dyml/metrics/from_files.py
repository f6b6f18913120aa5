"""Evaluate embeddings that lie in files, whatever made them, beside a table of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.data.columns import checked_labels
from dyml.data.table import Table, encode, read_table
from dyml.errors import InputError, suggest
from dyml.metrics.evaluation import evaluate
from dyml.metrics.inputs import Table as Embeddings
from dyml.metrics.result import Result
from dyml.metrics.stored_embeddings import read_embeddings
from dyml.metrics.verification import Curve, verify

ID, CAMERA = "id", "camera"
NOT_SCALES = ("path", "split", "embedding", "embeddings", ID, CAMERA)
DISTRACTOR = "-1"


@dataclass(frozen=True)
class Side:
    """The queries, or the gallery: embeddings and the table of their labels, a row each in the same order."""

    embeddings: Path
    labels: Path


def evaluate_files(
    query: Side,
    gallery: Side | None = None,
    *,
    scales: Sequence[str] | None = None,
    by_id: bool = False,
    other_cameras: bool = False,
    distractors: bool = False,
    measures: Sequence[str] = (),
    similarity: str = "cosine",
) -> Result:
    """Evaluate embeddings from files; the values of every query are kept.

    Args:
        query: .npy, .npz, .parquet or .safetensors embeddings, and a .csv or .parquet table of labels.
        gallery: likewise, or None for leave-one-out.
        scales: label columns, fine to coarse. None: every column but `path`, `split`, `id`, `camera` and
            embeddings, ordered by their number of classes.
        by_id: leave out gallery items with the query's `id`.
        other_cameras: leave out gallery items of the query's finest class and `camera`.
        distractors: the label -1 is relevant to nothing at that scale.
        measures: beyond the usual ones.
        similarity: "cosine", "dot" or "euclidean".

    Raises:
        InputError, ManifestError: files that cannot be read, or do not fit together.
        TaxonomyError: classes that do not nest.
    """
    tables, vectors, names, labels = _read(query, gallery, scales, distractors)
    options: dict[str, Any] = {"measures": measures, "distractors": distractors, "similarity": similarity}
    for wanted, column in ((by_id, ID), (other_cameras, CAMERA)):
        if wanted:
            options |= _keys(tables, column)
    other = (vectors[1], labels[1]) if gallery is not None else (None, None)
    return evaluate(vectors[0], labels[0], *other, scales=names, keep=True, progress=True, **options)


def verify_files(
    query: Side,
    gallery: Side | None = None,
    *,
    scales: Sequence[str] | None = None,
    by_id: bool = False,
) -> Mapping[str, Curve]:
    """Verify embeddings from files: see `dyml.metrics.verify`.

    Args:
        query: embeddings and a table of labels, as `evaluate_files` takes them.
        gallery: likewise, or None: every two rows are a pair.
        scales: label columns, fine to coarse; None as there.
        by_id: leave out pairs of the same `id`.

    Raises:
        InputError, ManifestError: files that cannot be read, or do not fit together.
        TaxonomyError: classes that do not nest.
    """
    tables, vectors, names, labels = _read(query, gallery, scales, False)
    other = (vectors[1], labels[1]) if gallery is not None else (None, None)
    ids: dict[str, Any] = _keys(tables, ID) if by_id else {}
    return verify(vectors[0], labels[0], *other, scales=names, **ids)


def class_names(
    query: Side, gallery: Side | None = None, *, scales: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """Return, by scale, the names of the classes in the order of the ids that `evaluate_files` gives them.

    Args:
        query, gallery, scales: as there.
    """
    tables = [read_table(side.labels) for side in (query, gallery) if side is not None]
    return {
        name: sorted({known for table in tables for known in checked_labels(table, name)[0]})
        for name in _scales(tables, scales)
    }


def _read(
    query: Side, gallery: Side | None, scales: Sequence[str] | None, distractors: bool
) -> tuple[list[Table], list[Embeddings], list[str], list[NDArray[np.int64]]]:
    """Read tables, embeddings, the scales and the labels of both sides."""
    sides = [side for side in (query, gallery) if side is not None]
    tables = [read_table(side.labels) for side in sides]
    vectors = [read_embeddings(side.embeddings) for side in sides]
    for side, table, rows in zip(sides, tables, vectors):
        if len(table) != len(rows):
            raise InputError(
                f"{side.labels} has {len(table):,} rows but {side.embeddings} {len(rows):,} embeddings: "
                f"there must be one row of labels for each, in the same order"
            )
    names = _scales(tables, scales)
    labels = [np.stack(columns, 1) for columns in zip(*(_codes(tables, name, distractors) for name in names))]
    return tables, vectors, names, labels


def _keys(tables: Sequence[Table], column: str) -> dict[str, NDArray[Any]]:
    """Return the ids or cameras of both sides, as the options of that name."""
    return dict(zip((f"query_{column}s", f"gallery_{column}s"), (_column(table, column) for table in tables)))


def _scales(tables: Sequence[Table], scales: Sequence[str] | None) -> list[str]:
    """Return the label columns that all tables have, fine to coarse."""
    first = tables[0]
    found = [name for name in first.names if name not in NOT_SCALES] if scales is None else list(scales)
    if not found:
        raise InputError(f"{first.file}: no label column; add one for each scale (such as fine, coarse)")
    for table in tables:
        for name in found:
            if name not in table.names:
                raise InputError(
                    f"{table.file}: no label column {name!r}; it has {', '.join(table.names)}."
                    f"{suggest(name, table.names)}"
                )
    if scales is not None:
        return found
    counts = {name: len({n for t in tables for n in encode(t.text(name))[0]}) for name in found}
    order = sorted(found, key=lambda name: -counts[name])
    for finer, coarser in pairwise(order):
        if counts[finer] == counts[coarser]:
            raise InputError(
                f"{first.file}: columns {finer!r} and {coarser!r} both have {counts[finer]:,} classes, so "
                f"their order is not clear. Name the scales, fine to coarse (--scales {','.join(order)})."
            )
    return order


def _codes(tables: Sequence[Table], name: str, distractors: bool) -> list[NDArray[np.int64]]:
    """Number the classes of a column, alike in all tables: (N,) int64 for each."""
    columns = [checked_labels(table, name) for table in tables]
    known = sorted({class_name for names, _ in columns for class_name in names})
    place = {class_name: i for i, class_name in enumerate(known)}
    if distractors:
        place[DISTRACTOR] = -1
    return [np.array([place[n] for n in names], dtype=np.int64)[codes] for names, codes in columns]


def _column(table: Table, name: str) -> NDArray[Any]:
    if name not in table.names:
        raise InputError(f"{table.file}: no column {name!r}; it has {', '.join(table.names)}")
    names, codes = checked_labels(table, name)
    return np.array(names)[codes]
