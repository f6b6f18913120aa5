"""The index of a gallery on disk: derived from the rows, written whole, named by one small file.

    index/current.json         {"format": 1, "version": 12, "folder": "12-9f3a…", "count": 1000}
    index/12-9f3a…/            vectors.faiss, columns.arrow

The folder is complete and synced before `current.json` is replaced in one step, so a reader finds the old
index or the new one. Readers that have the old files mapped keep them until they let go.
"""

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dyml.errors import RunError
from dyml.files import atomic_path, write_json
from dyml.index.building import read_index
from dyml.index.extras import engine_module
from dyml.index.parts import Names, Part, order_of_ids
from dyml.index.rows import first_line

CURRENT, VECTORS, COLUMNS = "current.json", "vectors.faiss", "columns.arrow"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Published:
    """An index that was opened.

    Attributes:
        folder: its name.
        version: of the rows that it holds.
        part: the rows.
        names: of the classes, per scale.
    """

    folder: str
    version: int
    part: Part
    names: Names


def publish(
    folder: Path,
    version: int,
    index: Any,
    keys: Any,
    texts: Sequence[Any],
    codes: Any,
    names: Names,
) -> None:
    """Write an index and make it the current one, atomically; remove what is older.

    Args:
        folder: of all indexes.
        version: of the rows that it holds.
        index: faiss'.
        keys: (N,) int64.
        texts: ids, metadata, pictures, digests; N each, Arrow.
        codes: (L, N) int32.
        names: of the classes.

    Raises:
        RunError: the disk is full, or it cannot be written; the old index stays.
    """
    faiss = engine_module("faiss")
    name = f"{version}-{secrets.token_hex(4)}"
    new = folder / name
    try:
        with atomic_path(new / VECTORS) as part:
            faiss.write_index(index, str(part))
        ids = texts[0]
        columns = {
            "key": pa.array(keys),
            "by_id": pa.array(order_of_ids(ids)),
            **dict(zip(("id", "metadata", "picture", "digest"), texts)),
            **{f"code{m}": pa.array(row) for m, row in enumerate(codes)},
        }
        table = pa.table(columns).replace_schema_metadata({"names": json.dumps(names, ensure_ascii=False)})
        with (
            atomic_path(new / COLUMNS) as part,
            pa.OSFile(str(part), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table.combine_chunks(), max_chunksize=max(1, len(ids)))
        _sync_folder(new)
        value = {"format": FORMAT, "version": version, "folder": name, "count": len(ids)}
        write_json(folder / CURRENT, value)
        _sync_folder(folder)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, (OSError, RuntimeError, pa.ArrowException)) and not isinstance(error, RunError):
            # faiss and Arrow report a full disk in their own words.
            raise RunError(
                f"cannot write the index {new}: {first_line(error)}. Look at its space."
            ) from error
        raise
    _remove_others(folder, name)


def read_published(folder: Path, dim: int, scales: int, known: Published | None) -> Published | None:
    """Open the current index, mapped into memory.

    Args:
        folder: of all indexes.
        dim: D.
        scales: how many.
        known: one that is open; returned again where it is still the current one.

    Returns:
        None where there is none, or none that can be used: it is derived, so it can be made again.
    """
    for _ in range(5):
        name = ""
        try:
            value = json.loads((folder / CURRENT).read_bytes())
            name, version = str(value["folder"]), int(value["version"])
            if known is not None and known.folder == name:
                return known
            if value["format"] == FORMAT:
                return Published(name, version, *_open(folder / name, dim, scales))
            return None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, pa.ArrowException):
            # Replaced between the two reads, perhaps: then another folder is named now.
            if not name or _named(folder) == name:
                return None
    return None


def _named(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / CURRENT).read_bytes())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _open(place: Path, dim: int, scales: int) -> tuple[Part, Names]:
    with pa.memory_map(str(place / COLUMNS)) as source:
        table = pa.ipc.open_file(source).read_all()
    # A table without rows has no batch at all.
    batch = next(iter(table.combine_chunks().to_batches()), pa.RecordBatch.from_pylist([], table.schema))
    names = tuple(tuple(row) for row in json.loads(batch.schema.metadata[b"names"]))
    index = read_index(place / VECTORS)
    count = batch.num_rows
    if index.rows.shape != (count, dim) or len(names) != scales:
        raise ValueError("the index does not belong to these rows")
    columns = {name: batch.column(name) for name in batch.schema.names}
    codes = [columns[f"code{m}"].to_numpy() for m in range(scales)]
    part = Part(
        keys=columns["key"].to_numpy(),
        index=index,
        ids=columns["id"],
        codes=np.stack(codes),
        metadata=columns["metadata"],
        pictures=columns["picture"],
        digests=columns["digest"],
        by_id=columns["by_id"].to_numpy(),
    )
    return part, names


def _remove_others(folder: Path, name: str) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != name:
            shutil.rmtree(entry, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    """Make names in a folder outlast a power cut, where the system can."""
    if os.name != "posix":
        return
    try:
        number = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise RunError(f"cannot open {folder}: {error.strerror}") from error
    try:
        with suppress(OSError):
            os.fsync(number)
    finally:
        os.close(number)
