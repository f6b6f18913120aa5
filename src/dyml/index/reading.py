"""From places in a snapshot to what users see: hits, items, counts of classes."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.index.engine import ClassCount, Found
from dyml.index.items import Floats, Item, Labels, Metadata
from dyml.index.parts import Part, decoded
from dyml.index.snapshot import Snapshot

FEW = 64  # rows up to which one by one is faster than a column at a time
Payload = Mapping[int, tuple[bytes | None, bytes | None]]


def found_at(snapshot: Snapshot, similarity: Floats, places: NDArray[np.int64]) -> Found:
    """Return what lies at some places."""
    parts = snapshot.split(places)
    if len(parts) == 1:
        part, rows, _ = parts[0]
        return Found(_texts(part.ids, rows), similarity, _labels(snapshot, part, rows), _metadata(part, rows))
    ids: list[Any] = [None] * len(places)
    labels, metadata = list(ids), list(ids)
    for part, rows, here in parts:
        columns = (_texts(part.ids, rows), _labels(snapshot, part, rows), _metadata(part, rows))
        for place, name, label, more in zip(here.tolist(), *columns):
            ids[place], labels[place], metadata[place] = name, label, more
    return Found(ids, similarity, labels, metadata)


def items_at(snapshot: Snapshot, places: NDArray[np.int64], payload: Payload | None) -> list[Item]:
    """Return the items at some places, with what `payload` has of them."""
    items: list[Any] = [None] * len(places)
    for part, rows, here in snapshot.split(places):
        columns = (
            _texts(part.ids, rows),
            part.index.rows[rows],
            _labels(snapshot, part, rows),
            _metadata(part, rows),
            _texts(part.pictures, rows),
        )
        for place, key, row in zip(here.tolist(), part.keys[rows].tolist(), zip(*columns)):
            items[place] = Item(*row, *((payload or {}).get(key, (None, None))))
    return items


def class_counts(snapshot: Snapshot) -> dict[str, list[ClassCount]]:
    """Return the classes at every scale by name, each with the class above that most of its items have."""
    codes = np.concatenate(
        [
            part.codes if alive is None else part.codes[:, alive]
            for part, alive in zip(snapshot.parts, snapshot.alive)
        ]
        or [np.empty((len(snapshot.scales), 0), np.int32)],
        axis=1,
    )
    found: dict[str, list[ClassCount]] = {}
    for m, scale in enumerate(snapshot.scales):
        here = codes[m]
        counts = np.bincount(here[here >= 0], minlength=len(snapshot.names[m]))
        parents = _parents(here, codes[m + 1], snapshot.names[m + 1]) if m + 1 < len(codes) else {}
        rows = [
            ClassCount(name, parents.get(code), int(counts[code]))
            for code, name in enumerate(snapshot.names[m])
            if counts[code]
        ]
        found[scale] = sorted(rows, key=lambda row: row.name)
    return found


def _parents(codes: Any, above: Any, names: tuple[str, ...]) -> dict[int, str]:
    both = (codes >= 0) & (above >= 0)
    pairs, counts = np.unique(np.stack([codes[both], above[both]]), axis=1, return_counts=True)
    parents: dict[int, str] = {}
    for place in np.argsort(counts, kind="stable"):  # the most frequent comes last and stays
        parents[int(pairs[0, place])] = names[int(pairs[1, place])]
    return parents


def _texts(column: Any, rows: NDArray[np.int64]) -> list[Any]:
    if len(rows) <= FEW:
        return [column[row].as_py() for row in rows.tolist()]
    return list(column.take(pa.array(rows)).to_pylist())


def _labels(snapshot: Snapshot, part: Part, rows: NDArray[np.int64]) -> list[Labels]:
    if len(snapshot.scales) == 0:
        return [{} for _ in rows]
    columns = [decoded(codes[rows], names) for codes, names in zip(part.codes, snapshot.names)]
    scales = snapshot.scales
    return [{scale: name for scale, name in zip(scales, row) if name is not None} for row in zip(*columns)]


def _metadata(part: Part, rows: NDArray[np.int64]) -> list[Metadata]:
    if part.metadata.null_count == len(part):
        return [{} for _ in range(len(rows))]
    return [{} if text is None else json.loads(text) for text in _texts(part.metadata, rows)]
