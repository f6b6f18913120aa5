"""The gallery: pictures or vectors with labels, measured once and read at every scale."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from dyml.errors import InputError
from dyml.index.batches import batch_of_items, in_columns
from dyml.index.checks import check_id
from dyml.index.items import AddReport, Floats, Item, Labels, Metadata
from dyml.index.lance_engine import LanceEngine
from dyml.index.locks import LockedError
from dyml.index.making import checked_shape, make_folder
from dyml.index.map import MOST_POINTS, MOST_TSNE, build_map, map_points
from dyml.index.models import Model, absolute, check_model, fingerprint, gauge_of
from dyml.index.searching import Searches
from dyml.index.settings import Settings

if TYPE_CHECKING:
    from dyml.data.manifest import Manifest
    from dyml.gauge.gauge import Gauge
    from dyml.models.embedding import EmbedsPictures

BATCH = 8192


class Gallery(Searches):
    """Items with vectors, labels and metadata, in a folder; made by `create` or `open`.

    Searches are those of `Searches`. Any number of processes may read while one writes.
    """

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
            for columns in in_columns(items, ids, vectors, labels, metadata, batch, self.dim, self.scales):
                report += self.engine.upsert(columns)
        finally:
            if report.added or report.updated:
                self.settle()
        return report

    def delete(self, ids: str | Iterable[str]) -> int:
        """Remove items, all or none; return how many were there.

        Raises:
            RunError: the disk is full, or another process writes.
        """
        names = [check_id(name) for name in ([ids] if isinstance(ids, str) else ids)]
        count = self.engine.delete(names) if names else 0
        if count:
            self.settle()
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
            digests = self.engine.digests([id])
            self.engine.upsert(batch_of_items([item], self.dim, self.scales, digests))
        return item

    def add_manifest(
        self,
        embedder: "EmbedsPictures",
        manifest: "Manifest",
        batch_size: int = 256,
        progress: str | None = None,
        store_pictures: bool = False,
        skip_damaged: bool = False,
    ) -> AddReport:
        """Embed the pictures of a manifest and add them: their paths are the ids, with labels and thumbnails.

        Pictures whose file and labels are as they were are not embedded again, so an interrupted call is
        simply made again.

        Args:
            embedder: the model that the gallery is made with.
            manifest: the pictures; its scales are some of the gallery's.
            batch_size: pictures embedded at a time.
            progress: what a progress bar on stderr says; None: no bar.
            store_pictures: keep the pictures' files in the gallery, too.
            skip_damaged: leave pictures out that cannot be opened, and report them; else they are an error.

        Raises:
            OtherModelError: the gallery was made with another model.
            ImageError: a picture cannot be opened; earlier batches are stored.
            InputError: scales or folder do not fit the gallery.
        """
        from dyml.index.listed import of_manifest
        from dyml.index.pictures import add_pictures

        listed = of_manifest(manifest)
        return add_pictures(self, embedder, listed, batch_size, progress, store_pictures, skip_damaged)

    def build_map(self, most: int = MOST_POINTS, tsne: int = MOST_TSNE, seed: int = 0) -> str:
        """Place the items, or an even sample of them, on a plane, and store it; return how: t-SNE or PCA.

        Args:
            most: items on the map.
            tsne: up to how many of them t-SNE is used, which takes some minutes for 20,000; else two
                principal axes.
            seed: of the sample and of t-SNE; the same items give the same map.
        """
        return build_map(self.engine, self.path, most, tsne, seed)

    def map_points(self) -> "tuple[list[str], Floats, Floats]":
        """Return the map: ids, and where they are, x and y, of the items that are still there.

        Without a stored map, two principal axes of a sample.
        """
        return map_points(self.engine, self.path)

    def optimize(self) -> None:
        """Merge small files, remove old ones, and write the index anew; worth while after many changes."""
        self.engine.optimize()

    def settle(self) -> None:
        """Write the index anew if much has changed; left to the next writer where another process writes."""
        with suppress(LockedError):
            self.engine.flush()

    def refresh(self) -> None:
        """See at once what other processes wrote; searches do so by themselves within a second."""
        self.engine.refresh()

    def close(self) -> None:
        """Let go of files and memory; the gallery opens them again if it is used."""
        self.engine.close()
