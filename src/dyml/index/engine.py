"""The small protocol between a gallery and what holds its items, so that other engines fit behind it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dyml.index.batches import Batch
from dyml.index.filters import Where
from dyml.index.items import AddReport, Floats, GalleryInfo, Item, Labels, Metadata


@dataclass(frozen=True, eq=False)
class Found:
    """What one query found, best first.

    Attributes:
        ids: K texts.
        similarity: (K,) cosines.
        labels: K mappings scale -> class.
        metadata: K mappings.
    """

    ids: list[str]
    similarity: Floats
    labels: list[Labels]
    metadata: list[Metadata]


@dataclass(frozen=True)
class ClassCount:
    """A class at a scale: its name, the class above that most of its items have, and how many items."""

    name: str
    parent: str | None
    count: int


class GalleryEngine(Protocol):
    """What holds the items of a gallery. Inputs are checked; vectors are unit rows."""

    @property
    def info(self) -> GalleryInfo:
        """What the gallery is, at the version that this process sees."""

    def upsert(self, batch: Batch) -> AddReport:
        """Write items, all or none; those that are there unchanged are left alone."""

    def delete(self, ids: Sequence[str]) -> int:
        """Remove items, all or none; return how many were there."""

    def get(self, ids: Sequence[str], payload: bool = True) -> list[Item | None]:
        """Return items, with their thumbnails and bytes if `payload`."""

    def scan(self, after: str | None, limit: int | None, where: Where) -> Iterator[Item]:
        """Yield items without thumbnails and bytes, in the order of their ids, behind the id `after`."""

    def search(self, vectors: Floats, k: int, where: Where) -> list[Found]:
        """Return the k most similar items of each query (Q, D)."""

    def range(self, vector: Floats, min_similarity: float, where: Where) -> Found:
        """Return every item of at least this similarity to a query (D,)."""

    def more_similar(self, vector: Floats, similarity: float) -> int:
        """Count the items that are more similar to a query (D,) than this."""

    def classes(self) -> dict[str, list[ClassCount]]:
        """Return the classes at every scale, by name."""

    def refresh(self) -> None:
        """See what other processes wrote."""

    def close(self) -> None:
        """Let go of files and memory."""

    def writing(self) -> AbstractContextManager[None]:
        """Keep other writers away while several steps belong together."""

    def digests(self, ids: Sequence[str]) -> list[str | None]:
        """Return what changes with the items' pictures; None without one."""

    def present(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return which ids are there."""

    def sample(self, most: int, seed: int) -> tuple[list[str], Floats]:
        """Return ids and vectors of all items, or of an even sample, the same for the same items."""

    def set_origin(self, root: str | None, model: str | None) -> None:
        """Remember the pictures' folder and the model's digest, where there are none yet."""

    def optimize(self) -> None:
        """Make small again and quick what many changes left behind."""

    def flush(self) -> None:
        """Make quick to search what was written."""
