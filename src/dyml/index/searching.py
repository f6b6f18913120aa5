"""Asking a gallery: searches, ranges, groups, explanations, each at any scale."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dyml.errors import InputError
from dyml.index.asking import explained, grouped, hits_of, nearest
from dyml.index.checks import check_id, query_rows
from dyml.index.engine import ClassCount, GalleryEngine
from dyml.index.filters import parse_where
from dyml.index.items import Explanation, GalleryInfo, Group, Hit, Item
from dyml.index.ruler import Ruler

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge


class Searches:
    """What can be asked of the items that an engine holds.

    Args:
        engine: what holds the items.
        path: where.
        gauge: of the model that made the vectors, or None.
        why: there is no gauge.

    Attributes:
        engine: likewise.
        path: likewise.
        dim: D, the length of the vectors.
        scales: names, fine to coarse.
        ruler: the gauge as searches use it.
    """

    def __init__(
        self, engine: GalleryEngine, path: Path, gauge: "Gauge | None" = None, why: str = ""
    ) -> None:
        self.engine, self.path = engine, path
        self.dim, self.scales = engine.info.dim, engine.info.scales
        self.ruler = Ruler(gauge, why or "the gallery was opened without one", self.scales)

    @property
    def info(self) -> GalleryInfo:
        """What the gallery is."""
        return self.engine.info

    @property
    def gauge(self) -> "Gauge | None":
        """The gauge that probabilities are read by."""
        return self.ruler.gauge

    def __len__(self) -> int:
        return self.engine.info.count

    def get(self, id: str, payload: bool = True) -> Item | None:
        """Return an item, or None; with its thumbnail and bytes if `payload`."""
        return self.engine.get([check_id(id)], payload)[0]

    def items(
        self, after: str | None = None, limit: int | None = None, where: Mapping[str, Any] | None = None
    ) -> Iterator[Item]:
        """Yield items without thumbnails and bytes, in the order of their ids.

        Args:
            after: an id; those behind it come.
            limit: how many at most.
            where: see `search`.
        """
        if limit is not None and limit < 0:
            raise InputError(f"limit must be 0 or more; got {limit}")
        return self.engine.scan(after, limit, parse_where(where))

    def search(
        self,
        query: Any,
        k: int = 10,
        scale: str | None = None,
        min_probability: float | None = None,
        where: Mapping[str, Any] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> Any:
        """Return the k most similar items, best first; equal ones in the order in which they were added.

        Args:
            query: (D,) vector, or (Q, D).
            k: how many at most.
            scale: where `min_probability` holds.
            min_probability: leave out what is less likely of the query's class at that scale, by the gauge.
            where: conditions that all must hold: `{"middle": "a", "price": {"lt": 3}, "kind": {"in": […]}}`.
                Fields are scales, `id` and names of metadata; operators eq, ne, lt, le, gt, ge, in, not_in.
            exclude: ids to leave out.

        Returns:
            A list of hits; for (Q, D) a list of such lists.

        Raises:
            InputError: an argument is not understood, or there is no gauge to read probabilities by.
        """
        queries, single = query_rows(query, self.dim)
        least = self.ruler.least(scale, min_probability)
        found = nearest(self.engine, queries, k, parse_where(where), exclude, least)
        lists = [hits_of(one, self.ruler) for one in found]
        return lists[0] if single else lists

    def range(
        self,
        query: Any,
        scale: str | None = None,
        min_probability: float | None = None,
        min_similarity: float | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> list[Hit]:
        """Return every item that is similar enough, best first; complete, however many there are.

        Args:
            query: (D,) vector.
            scale: where `min_probability` holds. Alone: whatever is likelier the same there than not.
            min_probability: of being of the query's class at that scale, by the gauge.
            min_similarity: a cosine, instead; met to within rounding (1e-6).
            where: see `search`.

        Raises:
            InputError: as for `search`; or nothing says what is similar enough.
        """
        queries, single = query_rows(query, self.dim)
        if not single:
            raise InputError(f"range takes one query ({self.dim},); got {queries.shape}")
        if scale is not None and min_probability is None and min_similarity is None:
            min_probability = 0.5
        least = self.ruler.least(scale, min_probability)
        if min_similarity is not None:
            if not -1 <= min_similarity <= 1:
                raise InputError(f"min_similarity must be a cosine, −1 to 1; got {min_similarity!r}")
            least = max(float(min_similarity), -1.0 if least is None else least)
        if least is None:
            raise InputError("range needs a scale (with min_probability), or min_similarity")
        return hits_of(self.engine.range(queries[0], least, parse_where(where)), self.ruler)

    def groups(
        self,
        query: Any,
        scale: str,
        k: int = 10,
        per_class: int = 1,
        min_probability: float | None = None,
        where: Mapping[str, Any] | None = None,
        exclude: Iterable[str] | None = None,
    ) -> list[Group]:
        """Return the k classes that have the best hits, each with its best hits.

        Args:
            query: (D,) vector.
            scale: of the classes; items without a class there are left out.
            k: classes at most.
            per_class: hits at most in each.
            min_probability, where, exclude: see `search`.
        """
        queries, _ = query_rows(query, self.dim)
        self.ruler.check_scale(scale)
        least = self.ruler.least(scale, min_probability)
        return grouped(
            self.engine, queries[:1], scale, k, per_class, parse_where(where), exclude, least, self.ruler
        )

    def explain(self, query: Any, id: str) -> Explanation:
        """Say why an item is near a query, or far: similarity, rank, and every scale's probability and label.

        Raises:
            InputError: there is no such item.
        """
        queries, _ = query_rows(query, self.dim)
        return explained(self.engine, queries[0], self._there(id), self.ruler)

    def taxonomy(self) -> dict[str, list[ClassCount]]:
        """Return the classes at every scale by name, with their parents and counts."""
        return self.engine.classes()

    def _there(self, id: str, payload: bool = False) -> Item:
        item = self.get(id, payload)
        if item is None:
            raise InputError(f"no item {id!r} in the gallery {self.path}")
        return item
