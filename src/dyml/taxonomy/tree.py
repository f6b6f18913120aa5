"""The taxonomy: a validated, frozen tree of classes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dyml.errors import TaxonomyError, suggest
from dyml.files import write_text
from dyml.taxonomy.checks import Names, checked_lineage, checked_scales
from dyml.taxonomy.drawing import draw_tree
from dyml.taxonomy.labels import Ints, dense_labels, first_seen_labels
from dyml.taxonomy.storage import read_tree, tree_text


@dataclass(frozen=True, eq=False, repr=False)
class Taxonomy:
    """A validated tree of classes; make one with `Taxonomy.from_labels`.

    Attributes:
        scales: L names, fine to coarse.
        lineage: (F, L) int64, read-only; row f is fine class f, column m its class id at scale m.
        names: per scale, the name of every class in the order of `class_ids(scale)`; None where classes
            have ids alone.

    >>> tree = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("species", "genus"))
    >>> tree.num_classes
    (3, 2)
    """

    scales: tuple[str, ...]
    lineage: Ints
    names: Names | None = None

    def __post_init__(self) -> None:
        """Check everything, so that no taxonomy exists which is not a tree."""
        scales, names = checked_scales(self.scales), _text_names(self.names)
        lineage = _read_only(checked_lineage(self.lineage, scales, names))
        for field, value in (("scales", scales), ("lineage", lineage), ("names", names)):
            object.__setattr__(self, field, value)

    @classmethod
    def from_labels(
        cls,
        labels: ArrayLike,
        scales: Sequence[str],
        names: Sequence[Sequence[str]] | None = None,
    ) -> "Taxonomy":
        """Build the tree from a label table.

        Args:
            labels: (N, L) integers, finest scale first; rows may repeat. The fine ids must be 0 … F-1, all
                of them present (`dense_labels` makes them so); coarser ids may be any integers from 0 up.
            scales: L names, fine to coarse.
            names: per scale, one name for each distinct class id, in ascending order of the ids.

        Raises:
            TaxonomyError: the table is empty or not (N, L) integers, an id is negative, fine ids have gaps,
                or classes do not nest. The text names the first offending classes and both their parents.
        """
        return cls(scales, labels, names)  # type: ignore[arg-type]  # made exact by __post_init__

    @property
    def num_scales(self) -> int:
        """L, the number of scales."""
        return len(self.scales)

    @property
    def num_fine(self) -> int:
        """F, the number of classes at the finest scale."""
        return len(self.lineage)

    @cached_property
    def num_classes(self) -> tuple[int, ...]:
        """The number of classes at every scale, fine to coarse."""
        return tuple(len(ids) for ids in self._ids)

    @property
    def summary(self) -> str:
        """The number of classes at every scale, as text."""
        return ", ".join(f"{n:,} {scale}" for n, scale in zip(self.num_classes, self.scales))

    def scale_index(self, scale: str | int) -> int:
        """Return the column of a scale given by name or by index.

        Raises:
            TaxonomyError: there is no such scale.
        """
        if isinstance(scale, str):
            if scale not in self.scales:
                known = ", ".join(self.scales)
                raise TaxonomyError(
                    f"no scale {scale!r}; this taxonomy has {known}.{suggest(scale, self.scales)}"
                )
            return self.scales.index(scale)
        if not 0 <= scale < self.num_scales:
            raise TaxonomyError(f"no scale {scale}; this taxonomy has {self.num_scales}, from 0 (finest)")
        return int(scale)

    @cached_property
    def _ids(self) -> tuple[Ints, ...]:
        return tuple(_read_only(np.unique(column)) for column in self.lineage.T)

    def class_ids(self, scale: str | int) -> Ints:
        """Return the distinct class ids at a scale, ascending: (C,) int64, read-only."""
        return self._ids[self.scale_index(scale)]

    def name(self, scale: str | int, class_id: int) -> str:
        """Return the name of a class, or its id as text where classes have no names.

        Raises:
            TaxonomyError: there is no such class at that scale.
        """
        index = self.scale_index(scale)
        ids = self._ids[index]
        place = int(np.searchsorted(ids, class_id))
        if place == len(ids) or ids[place] != class_id:
            raise TaxonomyError(f"no class {class_id} at scale {self.scales[index]!r}")
        return str(class_id) if self.names is None else self.names[index][place]

    @cached_property
    def codes(self) -> Ints:
        """The lineage with every scale's ids replaced by 0 … C-1, in ascending order: (F, L), read-only."""
        return _read_only(dense_labels(self.lineage))

    @cached_property
    def order(self) -> Ints:
        """Fine classes in depth-first order of the tree: (F,) int64, a permutation of 0 … F-1, read-only.

        In this order every class of every scale is one contiguous run. A lineage that already is in
        depth-first order keeps its order.
        """
        _, rank = first_seen_labels(self.lineage)
        return _read_only(np.lexsort(tuple(rank.T)).astype(np.int64))

    def segments(self, scale: str | int) -> Ints:
        """Return where each class of a scale lies in the depth-first order.

        Returns:
            (C, 2) int64, start and stop positions in `order`, in the order in which the classes come there:
            the runs are disjoint and cover 0 … F.
        """
        column = self.lineage[self.order, self.scale_index(scale)]
        starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
        return np.stack([starts, np.r_[starts[1:], len(column)]], axis=1).astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as plain lists, ready for JSON."""
        names = None if self.names is None else [list(column) for column in self.names]
        return {"scales": list(self.scales), "names": names, "lineage": self.lineage.tolist()}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Taxonomy":
        """Rebuild a taxonomy from `to_dict`, with the same checks as `from_labels`."""
        try:
            return cls.from_labels(value["lineage"], value["scales"], value.get("names"))
        except (KeyError, TypeError, AttributeError) as error:
            raise TaxonomyError(f"not a taxonomy: {type(error).__name__}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the tree as JSON, one line a fine class, atomically.

        Raises:
            RunError: the file cannot be written.
        """
        write_text(path, tree_text(self.to_dict()))

    @classmethod
    def load(cls, path: str | Path) -> "Taxonomy":
        """Read a tree written by `save`.

        Raises:
            TaxonomyError: the file is missing, unreadable, not JSON or not a tree.
        """
        value = read_tree(path)
        try:
            return cls.from_dict(value)
        except TaxonomyError as error:
            raise TaxonomyError(f"{path}: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of a digest of scales, names and lineage: equal trees have equal fingerprints."""
        digest = hashlib.sha256(json.dumps([self.scales, self.names]).encode())
        digest.update(self.lineage.astype("<i8").tobytes())
        return digest.hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Taxonomy):
            return NotImplemented
        same = self.scales == other.scales and np.array_equal(self.lineage, other.lineage)
        return bool(same) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled arrays come back writable, and cached ones would travel along: build it anew.
        return type(self), (self.scales, self.lineage, self.names)

    def __repr__(self) -> str:
        return f"Taxonomy({self.summary})"

    def __str__(self) -> str:
        return draw_tree(self)


def _read_only(array: Ints) -> Ints:
    array.setflags(write=False)
    return array


def _text_names(names: Sequence[Sequence[str]] | None) -> Names | None:
    if names is None:
        return None
    if isinstance(names, str) or any(isinstance(column, str) for column in names):
        raise TaxonomyError("names must be one list of names a scale, fine to coarse, not a text")
    return tuple(tuple(str(name) for name in column) for column in names)
