"""All rows of a gallery at one version: those of the published index, and those that came since."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dyml.index.filters import Where, check_fields, matching
from dyml.index.items import Floats
from dyml.index.parts import Names, Part
from dyml.index.published import Published

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Rows at one version; never changes.

    Attributes:
        version: of the table.
        scales: names, fine to coarse.
        names: of the classes, per scale.
        published: the index on disk that it stands on, or None.
        left: (N,) which rows of that index are still there, or None: all.
        fresh: the rows that came since, in memory, or None.
    """

    version: int
    scales: tuple[str, ...]
    names: Names
    published: Published | None
    left: Mask | None
    fresh: Part | None

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The rows in the order of their keys; a place counts through all parts."""
        both = (None if self.published is None else self.published.part, self.fresh)
        return tuple(part for part in both if part is not None and len(part))

    @cached_property
    def alive(self) -> tuple[Mask | None, ...]:
        """Per part (N,) which rows are there, or None: all."""
        base = None if self.published is None else self.published.part
        return tuple(self.left if part is base else None for part in self.parts)

    @cached_property
    def count(self) -> int:
        """How many rows there are."""
        return sum(
            len(part) if alive is None else int(alive.sum()) for part, alive in zip(self.parts, self.alive)
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each part begins."""
        return tuple(int(start) for start in np.cumsum([0, *(len(part) for part in self.parts[:-1])]))

    def masks(self, where: Where) -> list[Mask | None]:
        """Return per part the rows that are there and fulfil a filter, None for all."""
        if not where:
            return list(self.alive)
        check_fields(where, self.scales, self.parts)
        found: list[Mask | None] = []
        for part, alive in zip(self.parts, self.alive):
            mask = matching(where, part, self.scales, self.names)
            found.append(mask if alive is None else mask & alive)
        return found

    def search(self, queries: Floats, k: int, where: Where) -> list[tuple[Floats, Rows]]:
        """Return per query the similarities and places of the k most similar rows, best first."""
        similarities, places = [], []
        for start, part, mask in zip(self.starts, self.parts, self.masks(where)):
            there = len(part) if mask is None else int(mask.sum())
            if there == 0:
                continue
            near, rows = part.index.search(queries, min(k, there), mask)
            similarities.append(near)
            places.append(np.where(rows < 0, -1, rows + start) if start else rows)
        if not places:
            return [(np.empty(0, np.float32), np.empty(0, np.int64)) for _ in queries]
        similarity, place = similarities[0], places[0]
        if len(places) > 1:
            similarity, place = np.concatenate(similarities, 1), np.concatenate(places, 1)
        order = np.lexsort((place, -similarity), axis=1)[:, :k]
        similarity, place = np.take_along_axis(similarity, order, 1), np.take_along_axis(place, order, 1)
        if place.min() >= 0:
            return list(zip(similarity, place))
        return [(s[p >= 0], p[p >= 0]) for s, p in zip(similarity, place)]

    def range(self, query: Floats, least: float, where: Where) -> tuple[Floats, Rows]:
        """Return similarities and places of all rows of at least this similarity, best first."""
        found = [
            (near, rows + start)
            for start, part, mask in zip(self.starts, self.parts, self.masks(where))
            for near, rows in [part.index.range(query, least, mask)]
        ]
        if not found:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        similarity = np.concatenate([near for near, _ in found])
        places = np.concatenate([rows for _, rows in found])
        order = np.lexsort((places, -similarity))
        return similarity[order], places[order]

    def above(self, query: Floats, similarity: float) -> int:
        """Count the rows that are more similar to a query than this."""
        count = 0
        for part, alive in zip(self.parts, self.alive):
            rows = part.index.range(query, similarity + 2e-6, alive)[1]
            count += len(rows)
        return count

    def find(self, names: Sequence[str]) -> list[int | None]:
        """Return the places of ids."""
        return [self._find(name) for name in names]

    def find_many(self, ids: Any) -> NDArray[np.int64]:
        """Return the places of many ids (Arrow) at the cost of one pass over all, −1 where there is none."""
        found = np.full(len(ids), -1, np.int64)
        ids = ids.cast(pa.large_string())
        for start, part, alive in zip(self.starts, self.parts, self.alive):
            place = pc.index_in(part.ids, value_set=ids).fill_null(-1).to_numpy(zero_copy_only=False)
            rows = np.flatnonzero(place >= 0 if alive is None else (place >= 0) & alive)
            found[place[rows]] = rows + start
        return found

    def split(self, places: Rows) -> list[tuple[Part, Rows, Rows]]:
        """Return for each part that has some of the places: the part, its rows, and where they stood."""
        if len(self.parts) == 1 and (not len(places) or places.min() >= 0):
            return [(self.parts[0], places, np.arange(len(places)))]
        found = []
        for start, part in zip(self.starts, self.parts):
            here = np.flatnonzero((places >= start) & (places < start + len(part)))
            if len(here):
                found.append((part, places[here] - start, here))
        return found

    def keys_of(self, places: Rows) -> NDArray[np.int64]:
        """Return the keys at some places."""
        keys = np.empty(len(places), np.int64)
        for part, rows, here in self.split(places):
            keys[here] = part.keys[rows]
        return keys

    def by_id(self, after: str | None, where: Where) -> Any:
        """Return places in the order of ids, those behind `after` alone."""
        found, ids = [], []
        for start, part, mask in zip(self.starts, self.parts, self.masks(where)):
            rows = part.by_id if mask is None else part.by_id[mask[part.by_id]]
            if after is not None:
                rows = rows[_first_behind(part, rows, after) :]
            found.append(rows + start)
            ids.append(part.ids.take(pa.array(rows)))
        if len(found) <= 1:
            return found[0] if found else np.empty(0, np.int64)
        order = pc.sort_indices(pa.chunked_array(ids)).to_numpy()
        return np.concatenate(found)[order]

    def _find(self, name: str) -> int | None:
        for start, part, alive in zip(self.starts, self.parts, self.alive):
            row = part.find(name)
            if row is not None and (alive is None or alive[row]):
                return start + row
        return None


def _first_behind(part: Part, rows: Rows, after: str) -> int:
    low, high, wanted = 0, len(rows), after.encode()
    while low < high:
        middle = (low + high) // 2
        if part.ids[int(rows[middle])].as_py().encode() <= wanted:
            low = middle + 1
        else:
            high = middle
    return low
