"""The embedded engine: rows in LanceDB, and an index derived from them that is mapped into memory."""

import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.errors import RunError
from dyml.index.batches import Batch
from dyml.index.comparing import unchanged
from dyml.index.engine import ClassCount, Found
from dyml.index.filters import Where
from dyml.index.items import AddReport, Floats, GalleryInfo, Item
from dyml.index.loading import first_fresh, load, state
from dyml.index.locks import writer_lock
from dyml.index.reading import class_counts, found_at, items_at
from dyml.index.rows import Rows, first_line
from dyml.index.settings import Settings, read_settings, write_settings
from dyml.index.snapshot import Snapshot
from dyml.index.writing import write_index

ROWS, INDEX, LOCK = "rows", "index", "writer.lock"
REFRESH = 1.0  # seconds after which a search looks for what other processes wrote
FEW = 1000  # fresh rows that are searched in memory, whatever the size of the index
SHARE = 0.05  # fresh rows, or rows gone, by the size of the index, from which on it is written anew
MOST_PENDING = 1_000_000  # ids kept in memory while items are added
KEEP = timedelta(hours=1)


class LanceEngine:
    """A gallery in a folder.

    Args:
        folder: the gallery.
        lock_timeout: seconds to wait for another process that writes.

    Raises:
        RunError: there is no gallery, or it is damaged.
    """

    def __init__(self, folder: Path, lock_timeout: float = 10.0) -> None:
        self.folder, self.lock_timeout = folder, lock_timeout
        self.settings: Settings = read_settings(folder)
        self._rows = Rows(folder / ROWS, self.settings.dim, len(self.settings.scales))
        # Writers take both, in this order. Readers take the second alone, so they never wait for the lock.
        self._write_guard, self._guard = threading.RLock(), threading.RLock()
        self._depth = 0
        self._snapshot: Snapshot | None = None
        self._checked = 0.0
        self._stale = True
        self._pending: set[str] = set()  # ids that were appended since the snapshot
        self._seen = -1  # the version that snapshot and pending ids together stand for

    @property
    def info(self) -> GalleryInfo:
        """What the gallery is, at the version that this process sees."""
        snapshot, settings = self.snapshot, self.settings
        return GalleryInfo(
            settings.dim,
            settings.scales,
            settings.model,
            settings.model_folder,
            settings.root,
            snapshot.count,
            snapshot.version,
            settings.engine,
        )

    @property
    def snapshot(self) -> Snapshot:
        """The rows as this process sees them: with its own writes, and others' of a second ago."""
        snapshot = self._snapshot
        if snapshot is not None and not self._stale and time.monotonic() - self._checked < REFRESH:
            return snapshot
        with self._guard:
            return self._refreshed()

    def search(self, vectors: Floats, k: int, where: Where) -> list[Found]:
        """Return the k most similar items of each query (Q, D)."""
        snapshot = self.snapshot
        return [found_at(snapshot, near, places) for near, places in snapshot.search(vectors, k, where)]

    def range(self, vector: Floats, min_similarity: float, where: Where) -> Found:
        """Return every item of at least this similarity to a query (D,)."""
        snapshot = self.snapshot
        return found_at(snapshot, *snapshot.range(vector, min_similarity, where))

    def more_similar(self, vector: Floats, similarity: float) -> int:
        """Count the items that are more similar to a query (D,) than this."""
        return self.snapshot.above(vector, similarity)

    def classes(self) -> dict[str, list[ClassCount]]:
        """Return the classes at every scale, by name."""
        return class_counts(self.snapshot)

    def get(self, ids: Sequence[str], payload: bool = True) -> list[Item | None]:
        """Return items, with their thumbnails and bytes if `payload`."""
        for _ in range(3):
            snapshot = self.snapshot
            places = snapshot.find(ids)
            there = np.array([place for place in places if place is not None], np.int64)
            keys = snapshot.keys_of(there)
            pixels = self._rows.payload(keys) if payload and len(keys) else None
            if pixels is None or len(pixels) == len(set(keys.tolist())):
                break
            self.refresh()  # another process has written since: look again
        items = iter(items_at(snapshot, there, pixels))
        return [None if place is None else next(items) for place in places]

    def digests(self, ids: Sequence[str]) -> list[str | None]:
        """Return what changes with the items' pictures; None without one."""
        snapshot = self.snapshot
        places = [-1 if place is None else place for place in snapshot.find(ids)]
        found: list[str | None] = [None] * len(ids)
        for part, rows, here in snapshot.split(np.array(places, np.int64)):
            for place, row in zip(here.tolist(), rows.tolist()):
                found[place] = part.digests[row].as_py() if row >= 0 else None
        return found

    def present(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return which ids are there."""
        return self.snapshot.find_many(pa.array(ids, pa.string())) >= 0

    def sample(self, most: int, seed: int) -> tuple[list[str], Floats]:
        """Return ids and vectors of all items, or of an even sample, the same for the same items."""
        snapshot = self.snapshot
        places = np.sort(snapshot.by_id(None, ()))
        if len(places) > most:
            places = np.sort(np.random.default_rng(seed).choice(places, most, replace=False))
        items = items_at(snapshot, places, None)
        vectors = [item.vector for item in items if item.vector is not None]
        table = np.stack(vectors) if vectors else np.empty((0, self.settings.dim), np.float32)
        return [item.id for item in items], table

    def set_origin(self, root: str | None, model: str | None) -> None:
        """Remember the pictures' folder and the model's digest, where there are none yet."""
        with self.writing():
            old = read_settings(self.folder)
            new = old.model_copy(update={"root": old.root or root, "model": old.model or model})
            if new != old:
                write_settings(self.folder, new)
            self.settings = new

    def scan(self, after: str | None, limit: int | None, where: Where) -> Iterator[Item]:
        """Yield items without thumbnails and bytes, in the order of their ids, behind the id `after`."""
        snapshot = self.snapshot
        places = snapshot.by_id(after, where)[:limit]
        for start in range(0, len(places), 1000):
            yield from items_at(snapshot, places[start : start + 1000], None)

    def upsert(self, batch: Batch) -> AddReport:
        """Write items, all or none; those that are there unchanged are left alone."""
        with self.writing():
            with self._guard:
                report = self._upsert(batch)
            if len(self._pending) > MOST_PENDING:
                self.flush(force=True)
        return report

    def _upsert(self, batch: Batch) -> AddReport:
        version, ids = self._rows.latest(), batch.ids.to_pylist()
        if self._snapshot is None or self._seen != version or not self._pending.isdisjoint(ids):
            self._load()
        assert self._snapshot is not None
        places = self._snapshot.find_many(batch.ids)
        known = places >= 0
        same = np.zeros(len(batch), bool)
        same[known] = unchanged(self._snapshot, places[known], batch.take(np.flatnonzero(known)))
        again = batch.given - len(batch)
        report = AddReport(int((~known).sum()), int((known & ~same).sum()) + again, int(same.sum()))
        write = batch.take(np.flatnonzero(~same)) if same.any() else batch
        if not len(write):
            return report
        with self._committing():
            if (known & ~same).any():
                self._rows.upsert(write, version)
                self._seen = -1
            else:
                self._rows.insert(write, version)
                self._pending.update(ids)
                self._seen = self._rows.version
        return report

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items, all or none; return how many were there."""
        with self.writing(), self._guard:
            if self._snapshot is None or self._pending or self._seen != self._rows.latest():
                self._load()
            assert self._snapshot is not None
            places = {place for place in self._snapshot.find(ids) if place is not None}
            if places:
                with self._committing():
                    self._rows.delete(self._snapshot.keys_of(np.array(sorted(places), np.int64)))
                self._seen = -1
            return len(places)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers away, of this process and of others; readers go on.

        Raises:
            LockedError: another process writes for longer than the timeout.
        """
        with self._write_guard:
            if self._depth:
                yield
                return
            with writer_lock(self.folder / LOCK, self.lock_timeout):
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1

    def flush(self, force: bool = False) -> None:
        """Write the index anew where many rows are not in it, or gone from it."""
        with self.writing():
            known = None if self._snapshot is None else self._snapshot.published
            published, keys = state(self._rows, self.folder / INDEX, known)
            base = 0 if published is None else len(published.part)
            fresh = len(keys) - int(np.searchsorted(keys, first_fresh(published)))
            gone = base - (len(keys) - fresh)
            if not (fresh or gone) or (not force and max(fresh, gone) <= max(FEW, SHARE * base)):
                return
            try:
                write_index(self._rows, self.folder / INDEX, published, self.settings.flat_limit)
            except RunError as error:
                # The rows are safe, and searched from memory: what was written stays acknowledged.
                warnings.warn(f"the index was not written anew: {error}", stacklevel=2)
                return
            with self._guard:
                self._load()

    def optimize(self, keep: timedelta = KEEP) -> None:
        """Merge small files, remove those of versions older than `keep`, and write the index anew."""
        with self.writing():
            with self._committing():
                self._rows.optimize(keep)
            self.flush(force=True)

    def refresh(self) -> None:
        """See what other processes wrote."""
        with self._guard:
            self._stale = True
            self._refreshed()

    def close(self) -> None:
        """Let go of files and memory."""
        with self._guard:
            self._snapshot, self._pending, self._stale, self._seen = None, set(), True, -1

    def _refreshed(self) -> Snapshot:
        version = self._rows.latest()
        if self._snapshot is None or self._snapshot.version != version:
            self._load()
        self._stale, self._checked = False, time.monotonic()
        assert self._snapshot is not None
        return self._snapshot

    def _load(self) -> None:
        self._snapshot = load(self._rows, self.folder / INDEX, self.settings.scales, self._snapshot)
        self._pending, self._seen = set(), self._snapshot.version

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """Say what went wrong with a commit, of which nothing was stored then."""
        self._stale = True
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            self._seen = -1
            text = first_line(error)
            full = "No space left" in str(error) or "os error 28" in str(error)
            mend = "The disk is full: free some space" if full else "Look at its folder's rights and space"
            raise RunError(
                f"cannot write to the gallery in {self.folder}: nothing of this batch was stored. {mend}, "
                f"and add it again. ({text})"
            ) from error
