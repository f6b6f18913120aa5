"""Galleries, hits and results as Arrow tables, which pandas, polars and DuckDB take as they are."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dyml.errors import InputError
from dyml.index import Gallery, Hit
from dyml.metrics import Result


def gallery_table(gallery: Gallery, vectors: bool = True, where: Any = None) -> Any:
    """Return a gallery as a table, a row an item, in the order of ids.

    Args:
        gallery: what is copied.
        vectors: with a column `vector`, lists of D float32.
        where: conditions on the items, as for `Gallery.search`.

    Returns:
        Columns id, picture, one a scale, metadata (JSON text), and vector.
    """
    items = list(gallery.items(where=where))
    columns: dict[str, Any] = {
        "id": pa.array([item.id for item in items], pa.string()),
        "picture": pa.array([item.picture for item in items], pa.string()),
        **_scales(gallery.scales, [item.labels for item in items]),
        "metadata": pa.array([_json(item.metadata) for item in items], pa.string()),
    }
    if vectors:
        rows = [item.vector for item in items if item.vector is not None]
        flat = np.concatenate(rows) if rows else np.empty(0, np.float32)
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), gallery.dim)
    return pa.table(columns)


def hits_table(hits: Sequence[Hit] | Iterable[Sequence[Hit]], scales: Sequence[str]) -> Any:
    """Return the hits of one search, or of several, as a table, a row a hit.

    Args:
        hits: what `Gallery.search` or `Gallery.range` gave.
        scales: the gallery's.

    Returns:
        Columns query (its place, 0 for a single one), rank from 1, id, similarity, one a scale, `P(scale)`
        where there was a gauge, and metadata (JSON text).
    """
    lists: list[Any] = list(hits)
    if lists and isinstance(lists[0], Hit):
        lists = [lists]
    rows = [
        (query, rank, hit) for query, found in enumerate(lists) for rank, hit in enumerate(found, start=1)
    ]
    found = [hit for _, _, hit in rows]
    columns: dict[str, Any] = {
        "query": pa.array([query for query, _, _ in rows], pa.int64()),
        "rank": pa.array([rank for _, rank, _ in rows], pa.int64()),
        "id": pa.array([hit.id for hit in found], pa.string()),
        "similarity": pa.array([hit.similarity for hit in found], pa.float32()),
        **_scales(scales, [hit.labels for hit in found]),
    }
    if any(hit.probabilities is not None for hit in found):
        for scale in scales:
            chances = [(hit.probabilities or {}).get(scale) for hit in found]
            columns[f"P({scale})"] = pa.array(chances, pa.float64())
    columns["metadata"] = pa.array([_json(hit.metadata) for hit in found], pa.string())
    return pa.table(columns)


def queries_table(result: Result) -> Any:
    """Return every query's measures as a table: query, scale, its class there where known, and the measures.

    Values are shares in 0 … 1, null where a query was left out. Graded measures have the scale `multi`.

    Raises:
        InputError: the values of every query were not kept.
    """
    if result.per_query is None:
        raise InputError("the values of every query were not kept: evaluate with keep=True")
    tables = []
    for part, columns in result.per_query.items():
        count = len(next(iter(columns.values())))
        known = result.classes is not None and part in result.scales
        labels = (
            result.classes[:, result.scales.index(part)] if known and result.classes is not None else None
        )
        table = {
            "query": pa.array(np.arange(count)),
            "scale": pa.array([part] * count, pa.string()),
            "class": pa.nulls(count, pa.int64()) if labels is None else pa.array(labels, pa.int64()),
        }
        values = {name: pa.array(column, pa.float64(), from_pandas=True) for name, column in columns.items()}
        tables.append(pa.table(table | values))
    return pa.concat_tables(tables, promote_options="default")


def _scales(scales: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
    return {scale: pa.array([row.get(scale) for row in labels], pa.string()) for scale in scales}


def _json(metadata: Any) -> str | None:
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False) if metadata else None
