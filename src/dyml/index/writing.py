"""Publishing a newer index: what is left of the published one, and the rows that came since."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.index.building import build_fast, build_flat
from dyml.index.items import Floats
from dyml.index.loading import LABEL, TEXTS, present, text_column, vectors_of
from dyml.index.parts import Ints, Names, encoded
from dyml.index.published import Published, publish
from dyml.index.rows import Rows, first_key

BLOCK = 32_768
MOST_TRAINING = 200_000
Block = tuple[Floats, Any]


class _OutOfOrder(Exception):
    """Rows did not come in the order of their keys."""


def write_index(rows: Rows, folder: Path, published: Published | None, flat_limit: int) -> None:
    """Publish the index of the rows' newest version.

    Vectors are streamed from the old index and from the rows, so that there is one copy in memory at most.

    Args:
        rows: the table; nobody writes to it meanwhile.
        folder: of the published index.
        published: the one that is there, if it is of these rows.
        flat_limit: up to how many rows the search stays exact.

    Raises:
        RunError: the disk is full, or it cannot be written; the old index stays.
    """
    version = rows.latest()
    keys = rows.keys()
    for ordered in (False, True):
        try:
            index, columns, codes, names = _build(rows, published, keys, flat_limit, ordered)
        except _OutOfOrder:
            continue
        publish(folder, version, index, keys, columns, codes, names)
        return


def _build(
    rows: Rows, published: Published | None, keys: NDArray[np.int64], flat_limit: int, ordered: bool
) -> tuple[Any, list[Any], Ints, Names]:
    tables: list[Any] = []

    def vectors() -> Iterator[Floats]:
        for block, table in _blocks(rows, published, keys, ordered):
            if table is not None:
                tables.append(table)
            yield block

    if len(keys) > flat_limit:
        sample = _sample(rows, published, keys, ordered)
        index = build_fast(vectors(), sample)
    else:
        index = build_flat(vectors(), rows.dim)
    return index, *_columns(rows, published, keys, tables)


def _blocks(
    rows: Rows, published: Published | None, keys: NDArray[np.int64], ordered: bool
) -> Iterator[Block]:
    """Yield vectors with, for rows that are new, their other columns."""
    since = 0
    if published is not None:
        since = first_key(published.version + 1)
        alive = present(published.part.keys, keys)
        for start in range(0, len(alive), BLOCK):
            here = slice(start, start + BLOCK)
            yield published.part.index.rows[here][alive[here]], None
    if ordered:
        table = pa.Table.from_batches(list(rows.since(since)), rows.empty().schema).sort_by("key")
        batches: Any = table.to_batches(max_chunksize=BLOCK)
    else:
        batches = rows.since(since)
    last = -1
    for batch in batches:
        found = batch.column("key").to_numpy()
        if found[0] <= last or (np.diff(found) <= 0).any():
            raise _OutOfOrder
        last = int(found[-1])
        yield vectors_of(batch), batch.drop_columns(["vector"])


def _sample(rows: Rows, published: Published | None, keys: NDArray[np.int64], ordered: bool) -> Floats:
    rng = np.random.default_rng(0)
    share = min(1.0, MOST_TRAINING / len(keys))
    blocks = (block for block, _ in _blocks(rows, published, keys, ordered))
    return np.concatenate([block[rng.random(len(block)) < share] for block in blocks])


def _columns(
    rows: Rows, published: Published | None, keys: NDArray[np.int64], tables: list[Any]
) -> tuple[list[Any], Ints, Names]:
    """Return texts and classes of all rows, the names of classes that no row has left out."""
    names: Names = tuple(() for _ in range(rows.scales))
    texts: list[list[Any]] = [[] for _ in TEXTS]
    codes: list[Ints] = []
    if published is not None:
        part, names = published.part, published.names
        alive = present(part.keys, keys)
        for found, column in zip(texts, part.texts):
            found.append(column if alive.all() else column.filter(pa.array(alive)))
        codes.append(part.codes[:, alive])
    if tables:
        table = pa.Table.from_batches(tables)
        for found, name in zip(texts, TEXTS):
            found.append(text_column(table, name))
        new, names = encoded([table.column(f"{LABEL}{m}") for m in range(rows.scales)], names)
        codes.append(new)
    whole = np.concatenate(codes, axis=1) if codes else np.empty((rows.scales, 0), np.int32)
    return [pa.concat_arrays(found) if found else pa.array([], pa.large_string()) for found in texts], *_used(
        whole, names
    )


def _used(codes: Ints, names: Names) -> tuple[Ints, Names]:
    """Return classes and names without the names that no row has."""
    kept = []
    codes = codes.copy()
    for row, column in zip(codes, names):
        used = np.zeros(len(column) + 1, bool)
        used[row] = True
        place = np.append(np.cumsum(used[:-1]) - 1, -1)
        row[:] = place[row]
        kept.append(tuple(name for name, there in zip(column, used) if there))
    return codes, tuple(kept)
