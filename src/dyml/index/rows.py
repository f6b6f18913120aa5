"""The rows of a gallery in LanceDB: the source of truth, changed by whole commits.

Every row has a key that is never given again: the version that its commit makes, and a running number. So a
row with a key never changes, what is new since a version has keys from that version on, and no text from the
outside ever stands in a query: rows are named by their keys alone.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.errors import RunError
from dyml.index.batches import Batch
from dyml.index.extras import engine_module

Keys = NDArray[np.int64]
TABLE = "items"
KEY_BITS = 24  # keys of one commit; more items are never in one batch
PAYLOAD = ("thumbnail", "bytes")


def schema(dim: int, scales: int) -> Any:
    """Return the columns of a row."""
    return pa.schema(
        [
            pa.field("key", pa.int64(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32(), dim), nullable=False),
            *(pa.field(f"label{m}", pa.string()) for m in range(scales)),
            pa.field("metadata", pa.string()),
            pa.field("picture", pa.string()),
            pa.field("digest", pa.string()),
            *(pa.field(name, pa.large_binary()) for name in PAYLOAD),
        ]
    )


class Rows:
    """The table of a gallery.

    Args:
        folder: where it lies.
        dim: D.
        scales: how many.
        create: make it, empty; else it must be there.

    Raises:
        RunError: there is none, it is damaged, or it cannot be written.
    """

    def __init__(self, folder: Path, dim: int, scales: int, create: bool = False) -> None:
        lancedb = engine_module("lancedb")
        self.folder, self.dim, self.scales = folder, dim, scales
        self._schema = schema(dim, scales)
        try:
            self._base = lancedb.connect(str(folder))
            if create:
                self._base.drop_table(TABLE, ignore_missing=True)
                self.table = self._base.create_table(TABLE, schema=self._schema)
            else:
                self.table = self._base.open_table(TABLE)
        except (OSError, ValueError, RuntimeError) as error:
            raise RunError(f"cannot open the rows of the gallery in {folder}: {first_line(error)}") from error
        if self.table.schema.names != self._schema.names:
            raise RunError(f"the rows in {folder} are not those of a gallery: {self.table.schema.names}")

    def empty(self) -> Any:
        """Return no rows, with the columns that `since` yields."""
        wanted = [name for name in self._schema.names if name not in PAYLOAD]
        return self._schema.empty_table().select(wanted)

    @property
    def version(self) -> int:
        """The version that this process reads."""
        return int(self.table.version)

    def latest(self) -> int:
        """Go to the newest version and return it."""
        self.table.checkout_latest()
        return self.version

    def keys(self) -> Keys:
        """Return all keys, in rising order."""
        found = self.table.search().select(["key"]).to_arrow().column("key").to_numpy()
        return np.sort(found)

    def since(self, key: int, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield record batches of the rows with this key or a higher one, in no particular order."""
        wanted = [name for name in self._schema.names if name not in PAYLOAD]
        query = self.table.search().where(f"key >= {int(key)}").select(list(columns or wanted))
        for batch in query.to_batches(batch_size=8192):
            if batch.num_rows:
                yield batch

    def payload(self, keys: Keys) -> dict[int, tuple[bytes | None, bytes | None]]:
        """Return thumbnail and bytes of rows by key; rows that are gone are missing."""
        found: dict[int, tuple[bytes | None, bytes | None]] = {}
        for start in range(0, len(keys), 500):
            some = ",".join(str(int(key)) for key in keys[start : start + 500])
            table = self.table.search().where(f"key IN ({some})").select(["key", *PAYLOAD]).to_arrow()
            columns = [table.column(name).to_pylist() for name in ("key", *PAYLOAD)]
            found.update((key, (small, whole)) for key, small, whole in zip(*columns))
        return found

    def insert(self, batch: Batch, version: int) -> Keys:
        """Append rows whose ids are all new, in one commit; return their keys."""
        table, keys = self._table(batch, version)
        self.table.add(table)
        return keys

    def upsert(self, batch: Batch, version: int) -> Keys:
        """Write rows, in one commit, in place of those that have their ids; return their keys."""
        table, keys = self._table(batch, version)
        merge = self.table.merge_insert("id")
        merge.when_matched_update_all().when_not_matched_insert_all().execute(table)
        return keys

    def delete(self, keys: Keys) -> None:
        """Remove rows, in one commit."""
        self.table.delete(f"key IN ({','.join(str(int(key)) for key in keys)})")

    def optimize(self, keep: timedelta) -> None:
        """Merge small fragments, and remove the files of versions that are older than `keep`."""
        self.table.optimize(cleanup_older_than=keep)

    def _table(self, batch: Batch, version: int) -> tuple[Any, Keys]:
        keys = first_key(version + 1) + np.arange(len(batch), dtype=np.int64)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(batch.vectors.reshape(-1)), self.dim)
        columns = [pa.array(keys), batch.ids, vectors, *batch.labels, batch.metadata, batch.pictures]
        columns += [batch.digests, batch.thumbnails, batch.bytes]
        return pa.Table.from_arrays(columns, schema=self._schema), keys


def first_key(version: int) -> int:
    """Return the lowest key of rows that the commit of a version, or a later one, writes."""
    return version << KEY_BITS


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
