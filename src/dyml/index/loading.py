"""From the rows and the published index to a snapshot: what is gone from the index, and what came since."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dyml.index.building import flat_index
from dyml.index.items import Floats
from dyml.index.parts import Ints, Names, Part, encoded, order_of_ids
from dyml.index.published import Published, read_published
from dyml.index.rows import Rows, first_key
from dyml.index.snapshot import Snapshot

Keys = NDArray[np.int64]
TEXTS = ("id", "metadata", "picture", "digest")  # as in `Part.texts`
LABEL = "label"


def load(rows: Rows, folder: Path, scales: tuple[str, ...], old: Snapshot | None) -> Snapshot:
    """Return the newest snapshot.

    Args:
        rows: the table, which is taken to its newest version.
        folder: of the published index.
        scales: names, fine to coarse.
        old: an earlier snapshot; what it holds in memory and still stands is used again.
    """
    published, keys = state(rows, folder, None if old is None else old.published)
    version, since = rows.version, first_fresh(published)
    names: Names = tuple(() for _ in scales) if published is None else published.names
    alive = None if published is None else present(published.part.keys, keys)
    fresh = None
    if len(keys) and keys[-1] >= since:
        earlier = old if old is not None and old.published is published else None
        fresh, names = _fresh(rows, since, keys, names, earlier)
    if alive is not None and alive.all():
        alive = None
    return Snapshot(version, scales, names, published, alive, fresh)


def state(rows: Rows, folder: Path, known: Published | None) -> tuple[Published | None, Keys]:
    """Take the rows to their newest version; return the published index of theirs, if any, and all keys."""
    # The index is read first: it can only be older than the rows then, never newer.
    published = read_published(folder, rows.dim, rows.scales, known)
    version = rows.latest()
    if published is not None and published.version > version:
        published = None  # of other rows, which lay in this folder before
    return published, rows.keys()


def first_fresh(published: Published | None) -> int:
    """Return the lowest key of rows that an index does not hold."""
    return 0 if published is None else first_key(published.version + 1)


def present(wanted: Keys, keys: Keys) -> NDArray[np.bool_]:
    """Return which of the wanted keys are among rising keys."""
    if not len(keys):
        return np.zeros(len(wanted), bool)
    place = np.searchsorted(keys, wanted)
    place[place == len(keys)] = 0
    found: NDArray[np.bool_] = keys[place] == wanted
    return found


def vectors_of(table: Any) -> Floats:
    """Return the vectors of a record batch or table, (N, D)."""
    column = table.column("vector")
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values: Floats = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, column.type.list_size)


def _fresh(
    rows: Rows, since: int, keys: Keys, names: Names, earlier: Snapshot | None
) -> tuple[Part | None, Names]:
    """Return the rows that the index does not hold, and the class names with theirs behind."""
    kept: Part | None = None
    if earlier is not None and earlier.fresh is not None:
        # Keys only grow, so what came since has higher ones than all that are in memory.
        names, since = earlier.names, int(earlier.fresh.keys[-1]) + 1
        kept = picked(earlier.fresh, present(earlier.fresh.keys, keys))
    batches = list(rows.since(since))
    if not batches:
        return kept, names
    part, names = part_of(pa.Table.from_batches(batches), names)
    return (part if kept is None or not len(kept) else joined(kept, part)), names


def part_of(table: Any, names: Names) -> tuple[Part, Names]:
    """Return rows of the table as a part in memory, and the class names with theirs behind."""
    keys = table.column("key").to_numpy()
    if (np.diff(keys) < 0).any():
        table = table.take(pc.sort_indices(table.column("key")))
    table = table.combine_chunks()
    codes, names = encoded([table.column(f"{LABEL}{m}") for m in range(len(names))], names)
    texts = [text_column(table, name) for name in TEXTS]
    return _in_memory(table.column("key").to_numpy(), vectors_of(table), codes, texts), names


def text_column(table: Any, name: str) -> Any:
    """Return a column of texts in one piece, with room for more than 2 GB of them."""
    return pa.concat_arrays(table.column(name).cast(pa.large_string()).chunks)


def picked(part: Part, mask: NDArray[np.bool_]) -> Part:
    """Return the rows of a part that a mask keeps."""
    if mask.all():
        return part
    kept = pa.array(mask)
    texts = [column.filter(kept) for column in part.texts]
    return _in_memory(part.keys[mask], part.index.rows[mask], part.codes[:, mask], texts)


def joined(first: Part, second: Part) -> Part:
    """Return two parts in memory as one."""
    return _in_memory(
        np.concatenate([first.keys, second.keys]),
        np.concatenate([first.index.rows, second.index.rows]),
        np.concatenate([first.codes, second.codes], axis=1),
        [pa.concat_arrays([a, b]) for a, b in zip(first.texts, second.texts)],
    )


def _in_memory(keys: Keys, vectors: Floats, codes: Ints, texts: Sequence[Any]) -> Part:
    ids, metadata, pictures, digests = texts
    return Part(keys, flat_index(vectors), ids, codes, metadata, pictures, digests, order_of_ids(ids))
