"""Batches of checked items as Arrow columns, the form in which they are stored."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dyml.errors import InputError
from dyml.index.checks import (
    MOST_ID,
    MOST_NAME,
    check_class,
    check_id,
    check_labels,
    check_metadata,
    unit_rows,
)
from dyml.index.items import Floats, Item, Labels, Metadata

Arrow = Any
TEXT_TYPES = {str, np.str_, type(None)}
CONTROL = r"[\x00-\x1f\x7f-\x{9f}]"


@dataclass(frozen=True, eq=False)
class Batch:
    """N items as columns; made by `batch_of_items` or `batch_of_arrays`, which check them.

    Attributes:
        ids: N texts, distinct.
        vectors: (N, D) float32 unit rows.
        labels: per scale N texts or None.
        metadata: N JSON texts with sorted keys, or None where there is none.
        pictures: N texts or None.
        digests: N texts that change with the picture, or None.
        thumbnails: N encoded pictures or None.
        bytes: N encoded pictures or None.
        given: how many items it was made of, repeated ids counted.
    """

    ids: Arrow
    vectors: Floats
    labels: tuple[Arrow, ...]
    metadata: Arrow
    pictures: Arrow
    digests: Arrow
    thumbnails: Arrow
    bytes: Arrow
    given: int

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Any, given: int | None = None) -> "Batch":
        """Return some rows, in that order; `given` as for the class, by default their number."""
        places = pa.array(rows, pa.int64())
        columns = (self.metadata, self.pictures, self.digests, self.thumbnails, self.bytes)
        metadata, pictures, digests, thumbnails, whole = (column.take(places) for column in columns)
        return Batch(
            self.ids.take(places),
            self.vectors[np.asarray(rows)],
            tuple(column.take(places) for column in self.labels),
            metadata,
            pictures,
            digests,
            thumbnails,
            whole,
            len(places) if given is None else given,
        )


def batch_of_items(
    items: Sequence[Item], dim: int, scales: Sequence[str], digests: Sequence[str | None] | None = None
) -> Batch:
    """Check items and lay them out as columns; of items with the same id the last one stays.

    Args:
        items: with vectors.
        dim: D of the gallery.
        scales: its names, fine to coarse.
        digests: of the pictures' files, where they are known; else those of the bytes that items bring.

    Raises:
        InputError: an item is not fit; the text names it.
    """
    given = len(items)
    last = {check_id(item.id): place for place, item in enumerate(items)}
    places = list(last.values())
    kept = [items[place] for place in places]
    for item in kept:
        if item.vector is None or np.ndim(item.vector) != 1 or len(item.vector) != dim:
            shape = None if item.vector is None else np.shape(item.vector)
            raise InputError(f"{item.id!r}: its vector must be ({dim},), as the gallery's; got {shape}")
    ids = list(last)
    table = np.stack([np.asarray(item.vector) for item in kept]) if kept else np.empty((0, dim), np.float32)
    labels = [check_labels(item.labels, scales, item.id) for item in kept]
    metadata = [metadata_text(check_metadata(item.metadata, scales, item.id)) for item in kept]
    for item in kept:
        if item.picture is not None and not isinstance(item.picture, str):
            raise InputError(f"{item.id!r}: picture must be text, the reference to its file")
    found = [picture_digest(item) for item in kept] if digests is None else [digests[i] for i in places]
    return Batch(
        pa.array(ids, pa.string()),
        unit_rows(table, dim, ids),
        tuple(pa.array([row.get(scale) for row in labels], pa.string()) for scale in scales),
        pa.array(metadata, pa.string()),
        pa.array([item.picture for item in kept], pa.string()),
        pa.array(found, pa.string()),
        pa.array([item.thumbnail for item in kept], pa.large_binary()),
        pa.array([item.bytes for item in kept], pa.large_binary()),
        given,
    )


def batch_of_arrays(
    ids: Sequence[str],
    vectors: Any,
    labels: Mapping[str, Sequence[str]] | None,
    metadata: Sequence[Metadata] | None,
    dim: int,
    scales: Sequence[str],
) -> Batch:
    """Check columns and lay them out; of rows with the same id the last one stays.

    Args:
        ids: N texts.
        vectors: (N, D).
        labels: scale name -> N class names.
        metadata: N mappings.
        dim: D of the gallery.
        scales: its names, fine to coarse.

    Raises:
        InputError: lengths differ, or a row is not fit; the text names it.
    """
    column = id_column(ids)
    names: Sequence[str] = ids
    table = unit_rows(vectors, dim, names if len(names) == len(vectors) else None)
    if len(table) != len(names):
        raise InputError(f"there are {len(names):,} ids and {len(table):,} vectors; give one id a vector")
    check_labels(dict.fromkeys(labels or {}, "x"), scales, "labels")
    columns = [_class_column(labels or {}, scale, names) for scale in scales]
    if metadata is not None and len(metadata) != len(names):
        raise InputError(f"there are {len(names):,} ids and {len(metadata):,} rows of metadata")
    empty = pa.nulls(len(names), pa.string())
    texts = (
        empty
        if metadata is None
        else pa.array(
            [metadata_text(check_metadata(row, scales, name)) for name, row in zip(names, metadata)],
            pa.string(),
        )
    )
    pixels = pa.nulls(len(names), pa.large_binary())
    batch = Batch(column, table, tuple(columns), texts, empty, empty, pixels, pixels, len(names))
    last = {name: place for place, name in enumerate(column.to_pylist())} if _repeated(column) else {}
    return batch.take(list(last.values()), given=len(names)) if last else batch


def id_column(ids: Sequence[str]) -> Arrow:
    """Return ids as a column, checked all at once; where one is not fit, one by one, to name it.

    Raises:
        InputError: an id is not fit.
    """
    column = _plain_texts(ids, MOST_ID)
    if column is not None and not column.null_count:
        return column
    return pa.array([str(check_id(name)) for name in ids], pa.string())


def _plain_texts(values: Sequence[Any], most: int, repeated: bool = False) -> Arrow | None:
    """Return texts as a column; None if any is no text, empty, too long, or has control characters."""
    if not set(map(type, values)) <= TEXT_TYPES:
        return None
    try:
        column = pa.array(values, pa.string())
    except UnicodeEncodeError:
        return None
    looked = column.unique() if repeated else column
    lengths = pc.min_max(pc.utf8_length(looked)).as_py()
    fit = lengths["min"] is None or 1 <= lengths["min"] <= lengths["max"] <= most
    return None if not fit or pc.any(pc.match_substring_regex(looked, CONTROL)).as_py() else column


def _repeated(column: Arrow) -> bool:
    return bool(pc.count_distinct(column).as_py() < len(column))


def in_columns(
    items: Iterable[Item] | None,
    ids: Sequence[str] | None,
    vectors: Any,
    labels: Mapping[str, Sequence[str]] | None,
    metadata: Sequence[Metadata] | None,
    size: int,
    dim: int,
    scales: Sequence[str],
) -> Iterator[Batch]:
    """Yield batches of a stream of items, or of columns; see `Gallery.add`.

    Raises:
        InputError: both are given, or neither, or lengths differ.
    """
    if items is not None:
        if any(value is not None for value in (ids, vectors, labels, metadata)):
            raise InputError("add takes items, or columns (ids, vectors, labels, metadata), not both")
        for part in in_batches(items, size):
            yield batch_of_items(part, dim, scales)
        return
    if ids is None or vectors is None:
        raise InputError("add needs items, or ids and vectors")
    count = len(ids)
    for name, column in (("vectors", vectors), ("metadata", metadata), *(labels or {}).items()):
        if column is not None and len(column) != count:
            raise InputError(f"there are {count:,} ids and {len(column):,} rows of {name}")
    for start in range(0, count, size):
        here = slice(start, start + size)
        yield batch_of_arrays(
            ids[here],
            vectors[here],
            None if labels is None else {scale: column[here] for scale, column in labels.items()},
            None if metadata is None else metadata[here],
            dim,
            scales,
        )


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream of items into lists of `size`."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def metadata_text(metadata: Metadata) -> str | None:
    """Return metadata as JSON, the same text for the same values."""
    if not metadata:
        return None
    return json.dumps(metadata, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def picture_digest(item: Item) -> str | None:
    """Return a text that changes with the pictures that an item brings."""
    if item.bytes is None and item.thumbnail is None:
        return None
    digest = blake2b(digest_size=16)
    for part in (item.bytes, item.thumbnail):
        digest.update(b"-" if part is None else len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()


def _class_column(labels: Mapping[str, Sequence[str]], scale: str, names: Sequence[str]) -> Arrow:
    column = labels.get(scale)
    if column is None:
        return pa.nulls(len(names), pa.string())
    if len(column) != len(names):
        raise InputError(f"there are {len(names):,} ids and {len(column):,} classes at scale {scale!r}")
    texts = _plain_texts(column, MOST_NAME, repeated=True)
    if texts is not None:
        return texts
    for name, label in zip(names, column):
        if label is not None:
            check_class(label, scale, name)
    return pa.array([None if label is None else str(label) for label in column], pa.string())


def item_labels(scales: Sequence[str], names: Sequence[str | None]) -> Labels:
    """Return scale name -> class name, missing ones left out."""
    return {scale: name for scale, name in zip(scales, names) if name is not None}
