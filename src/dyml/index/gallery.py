"""The gallery: pictures or vectors with labels, measured once and read at every scale."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dyml.errors import InputError
from dyml.index.asking import explained, grouped, hits_of, nearest
from dyml.index.batches import batch_of_arrays, batch_of_items, in_batches
from dyml.index.checks import check_id, query_rows
from dyml.index.engine import ClassCount, GalleryEngine
from dyml.index.filters import parse_where
from dyml.index.items import AddReport, Explanation, GalleryInfo, Group, Hit, Item, Labels, Metadata
from dyml.index.lance_engine import LanceEngine
from dyml.index.making import checked_shape, make_folder
from dyml.index.models import Model, absolute, check_model, fingerprint, gauge_of
from dyml.index.ruler import Ruler
from dyml.index.settings import Settings

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge

BATCH = 8192


class Gallery:
    """Items with vectors, labels and metadata, in a folder; made by `create` or `open`.

    Args:
        engine: what holds the items.
        path: the folder.
        gauge: of the model that made the vectors, or None.
        why: there is no gauge.

    Attributes:
        engine: likewise.
        path: likewise.
        ruler: the gauge as searches use it.
    """

    def __init__(
        self, engine: GalleryEngine, path: Path, gauge: "Gauge | None" = None, why: str = ""
    ) -> None:
        self.engine, self.path = engine, path
        self.dim, self.scales = engine.info.dim, engine.info.scales
        self.ruler = Ruler(gauge, why or "the gallery was opened without one", self.scales)

    @classmethod
    def create(
        cls,
        path: str | Path,
        dim: int,
        scales: Sequence[str],
        model: Model | None = None,
        root: str | Path | None = None,
        flat_limit: int = 1_000_000,
        lock_timeout: float = 10.0,
    ) -> "Gallery":
        """Make an empty gallery in a new folder.

        Args:
            path: the folder.
            dim: D, the length of the vectors.
            scales: names, fine to coarse.
            model: what makes the vectors: an embedder, or a run folder, model folder or `hub:NAME`, which is
                remembered. None: vectors of any origin.
            root: the folder that picture references are relative to.
            flat_limit: up to how many items every search is exact; beyond, searches without a filter look at
                the likeliest lists of an inverted file.
            lock_timeout: seconds to wait for another process that writes.

        Raises:
            RunError: there is a gallery or something else, or the folder cannot be written.
            InputError: dim or scales are not fit.
        """
        dim, names = checked_shape(dim, scales)
        settings = Settings(
            dim=dim,
            scales=names,
            model=None if model is None else fingerprint(model),
            model_folder=absolute(model) if isinstance(model, (str, Path)) else None,
            root=None if root is None else str(Path(root).resolve()),
            flat_limit=flat_limit,
        )
        make_folder(Path(path), settings, lock_timeout)
        return cls.open(path, lock_timeout=lock_timeout)

    @classmethod
    def open(
        cls,
        path: str | Path,
        model: Model | None = None,
        gauge: "Gauge | None" = None,
        lock_timeout: float = 10.0,
    ) -> "Gallery":
        """Open a gallery.

        Args:
            path: the folder.
            model: what made the vectors, to be checked; None: the one that the gallery remembers.
            gauge: to read probabilities by; None: the one in the model's folder, if there is one.
            lock_timeout: seconds to wait for another process that writes.

        Raises:
            RunError: there is no gallery, or it is damaged.
            OtherModelError: the gallery was made with another model.
        """
        folder = Path(path)
        engine = LanceEngine(folder, lock_timeout)
        settings = engine.settings
        if model is not None:
            check_model(fingerprint(model), settings.model, folder, model)
        if gauge is not None:
            return cls(engine, folder, gauge)
        source = absolute(model) if isinstance(model, (str, Path)) else settings.model_folder
        return cls(engine, folder, *gauge_of(source, settings.model))

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(
        self,
        items: Iterable[Item] | None = None,
        *,
        ids: Sequence[str] | None = None,
        vectors: Any = None,
        labels: Mapping[str, Sequence[str]] | None = None,
        metadata: Sequence[Metadata] | None = None,
        batch: int = BATCH,
    ) -> AddReport:
        """Add items, or replace those that have their ids; what is there unchanged is left alone.

        Every batch is stored whole or not at all, so an interrupted call is simply made again.

        Args:
            items: a stream of items with vectors; or, instead of it, columns:
            ids: N texts.
            vectors: (N, D), brought to length 1.
            labels: scale -> N class names.
            metadata: N mappings.
            batch: items stored at a time.

        Raises:
            InputError: an item is not fit; earlier batches are stored.
            RunError: the disk is full, or another process writes.
        """
        if batch < 1:
            raise InputError(f"batch must be 1 or more; got {batch}")
        batch = min(batch, 1_000_000)
        report = AddReport()
        try:
            for columns in self._batches(items, ids, vectors, labels, metadata, batch):
                report += self.engine.upsert(columns)
        finally:
            if report.added or report.updated:
                self.engine.flush()
        return report

    def delete(self, ids: str | Iterable[str]) -> int:
        """Remove items, all or none; return how many were there.

        Raises:
            RunError: the disk is full, or another process writes.
        """
        names = [check_id(name) for name in ([ids] if isinstance(ids, str) else ids)]
        count = self.engine.delete(names) if names else 0
        if count:
            self.engine.flush()
        return count

    def update(self, id: str, labels: Labels | None = None, metadata: Metadata | None = None) -> Item:
        """Give an item other labels or metadata; None keeps what it has. Return the item as it is now.

        Raises:
            InputError: there is no such item, or they are not fit.
        """
        with self.engine.writing():
            item = self._there(id, payload=True)
            item = replace(
                item,
                labels=item.labels if labels is None else dict(labels),
                metadata=item.metadata if metadata is None else dict(metadata),
            )
            digests = [self.engine.digest(id)]
            self.engine.upsert(batch_of_items([item], self.dim, self.scales, digests))
        return item

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

    def refresh(self) -> None:
        """See at once what other processes wrote; searches do so by themselves within a second."""
        self.engine.refresh()

    def close(self) -> None:
        """Let go of files and memory; the gallery opens them again if it is used."""
        self.engine.close()

    def _there(self, id: str, payload: bool = False) -> Item:
        item = self.get(id, payload)
        if item is None:
            raise InputError(f"no item {id!r} in the gallery {self.path}")
        return item

    def _batches(
        self, items: Any, ids: Any, vectors: Any, labels: Any, metadata: Any, size: int
    ) -> Iterator[Any]:
        if items is not None:
            if any(value is not None for value in (ids, vectors, labels, metadata)):
                raise InputError("add takes items, or columns (ids, vectors, labels, metadata), not both")
            for part in in_batches(items, size):
                yield batch_of_items(part, self.dim, self.scales)
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
                self.dim,
                self.scales,
            )
