"""Reading a pack: pictures by path, pixels by place, straight from the memory map."""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from dyml.data.packing.shards import (
    Pixels,
    mend,
    pixels_path,
    read_description,
    read_shard,
    shard_numbers,
)
from dyml.data.text_column import TextColumn
from dyml.errors import RunError

Ints = NDArray[np.int64]


class Pack:
    """The pictures of a pack as they stood when it was opened; what is added later is seen by a new one.

    Several processes may read and one may write at the same time. All of them share the pages of the system's
    file cache, so the pixels are in memory once.

    Args:
        folder: what `pack_manifest` wrote.

    Attributes:
        recipe: how the pictures were brought to size.
        root: the folder that they came from.
        bytes, time: (P,) int64, of every picture's file when it was packed; the time in nanoseconds.

    Raises:
        RunError: there is no pack, or it is damaged; the text names the file and the mend.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.recipe, self.root = read_description(self.folder)
        numbers = shard_numbers(self.folder)
        tables = [read_shard(self.folder, number) for number in numbers]
        for number, table in zip(numbers, tables):
            self._check_size(number, len(table))
        rows = [len(table) for table in tables]
        self._shard = np.repeat(np.array(numbers, dtype=np.int64), rows)
        self._place = np.concatenate([np.arange(count) for count in rows] or [np.empty(0, np.int64)])
        paths = [table.column("path").cast(pa.large_string()) for table in tables]
        chunks = [chunk for column in paths for chunk in column.chunks]
        self.paths: pa.Array = pa.chunked_array(chunks, pa.large_string()).combine_chunks()
        self.bytes, self.time = (_column(tables, name, np.int64) for name in ("bytes", "time"))
        self._crc = _column(tables, "crc", np.uint32)
        self._maps: dict[int, Any] = {}

    def __len__(self) -> int:
        """Pictures held, also those that were packed again since."""
        return len(self._shard)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out: another process makes its own."""
        return {**self.__dict__, "_maps": {}}

    def find(self, paths: TextColumn) -> Ints:
        """Return the place of every path, -1 where it is not packed; the latest where it was packed twice."""
        # Arrow finds the first of equal values: turned round, that is the last one.
        last = pc.index_in(paths.values, value_set=self.paths[::-1])
        places = last.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return np.where(places < 0, -1, len(self) - 1 - places)

    def read(self, places: ArrayLike) -> Pixels:
        """Copy pictures out and compare each with its checksum.

        Args:
            places: (B,) from `find`.

        Returns:
            (B, channels, size, size) uint8.

        Raises:
            RunError: pixels are not those that were packed; the text names the shard.
        """
        places = np.asarray(places, dtype=np.int64)
        size = self.recipe.size
        pixels = np.empty((len(places), self.recipe.channels, size, size), dtype=np.uint8)
        for row, place in zip(pixels, places.tolist()):
            number = int(self._shard[place])
            row[...] = self._map(number)[self._place[place]]
            if zlib.crc32(row.data) != self._crc[place]:
                raise RunError(f"{pixels_path(self.folder, number)} is damaged. {mend(self.folder)}")
        return pixels

    def _map(self, number: int) -> Any:
        if number not in self._maps:
            size = self.recipe.size
            try:
                flat = np.memmap(pixels_path(self.folder, number), dtype=np.uint8, mode="r")
                self._maps[number] = flat.reshape(-1, self.recipe.channels, size, size)
            except (OSError, ValueError) as error:
                raise RunError(
                    f"{pixels_path(self.folder, number)} cannot be read: {error}. {mend(self.folder)}"
                ) from error
        return self._maps[number]

    def _check_size(self, number: int, rows: int) -> None:
        file = pixels_path(self.folder, number)
        found = file.stat().st_size if file.is_file() else None
        if found != rows * self.recipe.bytes:
            what = "is missing" if found is None else f"has {found:,} bytes, not {rows * self.recipe.bytes:,}"
            raise RunError(f"{file} {what}. {mend(self.folder)}")


def _column(tables: list[pa.Table], name: str, kind: type) -> NDArray[Any]:
    parts = [table.column(name).to_numpy().astype(kind) for table in tables]
    return np.concatenate(parts or [np.empty(0, dtype=kind)])
