"""What goes into a gallery and what comes out."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Value = str | int | float | bool
Encoded = bytes  # the bytes of a JPEG, PNG, …
Labels = dict[str, str]
Metadata = dict[str, Value]


@dataclass(frozen=True, eq=False)
class Item:
    """One thing in a gallery.

    Attributes:
        id: 1 to 255 characters, no control characters; for pictures of a manifest their path.
        vector: (D,) float32; None where it was not asked for.
        labels: scale name -> class name; scales may be missing.
        metadata: any names and plain values.
        picture: reference to the picture's file, relative to the gallery's root.
        thumbnail: an encoded picture of at most 256 pixels.
        bytes: the whole encoded picture, for those that lie in no folder.
    """

    id: str
    vector: Floats | None = None
    labels: Labels = field(default_factory=dict)
    metadata: Metadata = field(default_factory=dict)
    picture: str | None = None
    thumbnail: Encoded | None = None
    bytes: Encoded | None = None


@dataclass(slots=True)
class Hit:
    """One result of a search.

    Attributes:
        id: of the item.
        similarity: the cosine of query and item, −1 … 1.
        labels: scale name -> class name.
        metadata: of the item.
        probabilities: scale name -> P(same class as the query), by the gauge; None without one.
    """

    id: str
    similarity: float
    labels: Labels
    metadata: Metadata
    probabilities: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {
            "id": self.id,
            "similarity": self.similarity,
            "probabilities": self.probabilities,
            "labels": self.labels,
            "metadata": self.metadata,
        }


@dataclass(frozen=True)
class Group:
    """The best hits of one class.

    Attributes:
        name: of the class.
        hits: best first.
    """

    name: str
    hits: list[Hit]


@dataclass(frozen=True)
class ScaleExplanation:
    """One scale of an explanation.

    Attributes:
        scale: its name.
        label: the item's class there, if known.
        probability: P(same class), by the gauge.
        threshold: the similarity from which on two pictures are likelier the same than not; None if none is.
        same: whether the similarity reaches it; None without a gauge.
    """

    scale: str
    label: str | None
    probability: float | None
    threshold: float | None
    same: bool | None


@dataclass(frozen=True)
class Explanation:
    """Why an item is near a query: the similarity, read at every scale.

    Attributes:
        hit: the item.
        rank: how many items are more similar, plus one.
        distance: of the unit vectors, sqrt(2 − 2 · similarity).
        scales: fine to coarse.
    """

    hit: Hit
    rank: int
    distance: float
    scales: tuple[ScaleExplanation, ...]


@dataclass(frozen=True)
class AddReport:
    """What became of the items that were added; the first three sum to their number.

    Attributes:
        added: were not there.
        updated: were there, and other.
        unchanged: were there.
        skipped: what is wrong with pictures that were left out since they cannot be opened.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: tuple[str, ...] = ()

    def __add__(self, other: "AddReport") -> "AddReport":
        return AddReport(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.skipped + other.skipped,
        )


@dataclass(frozen=True)
class GalleryInfo:
    """What a gallery is.

    Attributes:
        dim: D, the length of its vectors.
        scales: names, fine to coarse.
        model: SHA-256 of the weights that made the vectors, or None if that is not known.
        model_folder: where that model was, or None.
        root: the folder that picture references are relative to, or None.
        count: items.
        version: grows with every change.
        engine: what holds it.
    """

    dim: int
    scales: tuple[str, ...]
    model: str | None
    model_folder: str | None
    root: str | None
    count: int
    version: int
    engine: str
