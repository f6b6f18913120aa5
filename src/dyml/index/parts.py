"""A part: rows that never change, with their vectors and columns, in memory or mapped from files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.index.metadata import MetadataColumn, metadata_columns
from dyml.index.vectors import VectorIndex

Ints = NDArray[np.int32]
Names = tuple[tuple[str, ...], ...]


@dataclass(eq=False)
class Part:
    """N rows, in the order of their keys.

    Attributes:
        keys: (N,) int64, rising.
        index: their vectors, searchable.
        ids: N texts, Arrow.
        codes: (L, N) int32 places in the names of the classes, −1 where there is none.
        metadata, pictures, digests: N texts or None, Arrow.
        by_id: (N,) int64, the rows in the order of their ids.
    """

    keys: NDArray[np.int64]
    index: VectorIndex
    ids: Any
    codes: Ints
    metadata: Any
    pictures: Any
    digests: Any
    by_id: NDArray[np.int64]
    _columns: dict[str, MetadataColumn] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def texts(self) -> tuple[Any, Any, Any, Any]:
        """Ids, metadata, pictures and digests."""
        return self.ids, self.metadata, self.pictures, self.digests

    @property
    def columns(self) -> dict[str, MetadataColumn]:
        """The values of metadata by name, read when first asked for."""
        if self._columns is None:
            self._columns = metadata_columns(self.metadata)
        return self._columns

    def find(self, name: str) -> int | None:
        """Return the row of an id, by halving the rows in the order of ids."""
        low, high = 0, len(self.by_id)
        wanted = name.encode()
        while low < high:
            middle = (low + high) // 2
            if self.ids[int(self.by_id[middle])].as_py().encode() < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(self.by_id):
            row = int(self.by_id[low])
            if self.ids[row].as_py() == name:
                return row
        return None


def order_of_ids(ids: Any) -> NDArray[np.int64]:
    """Return the rows in the order of their ids, compared as UTF-8."""
    import pyarrow.compute as pc

    return pc.sort_indices(ids).to_numpy().astype(np.int64)


def encoded(labels: Sequence[Any], names: Names) -> tuple[Ints, Names]:
    """Return classes as places in the names, and the names with those that are new behind.

    Args:
        labels: per scale N texts or None, Arrow.
        names: of the classes that are known, per scale.
    """
    codes, longer = [], []
    for column, known in zip(labels, names):
        coded = column.dictionary_encode() if not isinstance(column, pa.DictionaryArray) else column
        coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
        place = {name: i for i, name in enumerate(known)}
        found = [place.setdefault(name, len(place)) for name in coded.dictionary.to_pylist()]
        rows = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes.append(np.array([*found, -1], np.int32)[rows])
        longer.append(tuple(place))
    return np.stack(codes), tuple(longer)


def decoded(codes: Ints, names: Sequence[str]) -> list[str | None]:
    """Return classes by their names."""
    return [names[code] if code >= 0 else None for code in codes.tolist()]
