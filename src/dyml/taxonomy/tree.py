"""The tree of classes over all scales, ordered fine to coarse.

A label table `(N, L)` gives every picture's class at each of L scales, column 0 the finest. Its lineage
`(F, L)` has one row a fine class. A taxonomy is the lineage after the check that it is a tree: every class
at scale m lies in exactly one class at scale m + 1.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyml.errors import TaxonomyError, shortened
from dyml.files import write_json

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A validated tree of classes; make one with `Taxonomy.from_labels`.

    Attributes:
        scales: L names, fine to coarse.
        lineage: (F, L) int64, read-only; row f is fine class f, column m its class id at scale m.
        names: per scale, the name of every class in the order of `class_ids(scale)`; None where classes
            have ids alone.
    """

    scales: tuple[str, ...]
    lineage: Ints
    names: tuple[tuple[str, ...], ...] | None = None

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
                of them present (`dense_labels` makes them so); coarser ids may be any integers.
            scales: L names, fine to coarse.
            names: per scale, one name for each distinct class id, in ascending order of the ids.

        Raises:
            TaxonomyError: the table is empty or not (N, L) integers, an id is negative, fine ids have gaps,
                or classes do not nest. The text names the first offending classes and both their parents.
        """
        scales = _checked_scales(scales)
        table = _checked_table(labels, scales)
        lineage = np.unique(table, axis=0)
        names = None if names is None else tuple(tuple(str(name) for name in column) for column in names)
        _check_names(lineage, scales, names)
        check_nesting(lineage, scales, names)
        _check_dense(lineage[:, 0], scales[0])
        lineage.setflags(write=False)
        return cls(scales, lineage, names)

    @property
    def num_scales(self) -> int:
        """L, the number of scales."""
        return len(self.scales)

    @property
    def num_fine(self) -> int:
        """F, the number of classes at the finest scale."""
        return len(self.lineage)

    def scale_index(self, scale: str | int) -> int:
        """Return the column of a scale given by name or by index."""
        if isinstance(scale, str):
            if scale not in self.scales:
                raise TaxonomyError(f"no scale {scale!r}; this taxonomy has {', '.join(self.scales)}")
            return self.scales.index(scale)
        if not 0 <= scale < self.num_scales:
            raise TaxonomyError(f"no scale {scale}; this taxonomy has {self.num_scales}, from 0 (finest)")
        return scale

    def class_ids(self, scale: str | int) -> Ints:
        """Return the distinct class ids at a scale, ascending: (C,) int64."""
        return np.unique(self.lineage[:, self.scale_index(scale)])

    @cached_property
    def codes(self) -> Ints:
        """The lineage with every scale's ids replaced by 0 … C-1 in ascending order: (F, L) int64."""
        return dense_labels(self.lineage)

    @cached_property
    def num_classes(self) -> tuple[int, ...]:
        """The number of classes at every scale, fine to coarse."""
        return tuple(int(column.max()) + 1 for column in self.codes.T)

    @cached_property
    def order(self) -> Ints:
        """Fine classes in depth-first order of the tree: (F,) int64, a permutation of 0 … F-1.

        In this order every class of every scale is one contiguous run. A lineage that already is in
        depth-first order keeps its order.
        """
        _, rank = first_seen_labels(self.lineage)
        return np.lexsort(tuple(rank.T)).astype(np.int64)

    def segments(self, scale: str | int) -> Ints:
        """Return where each class of a scale lies in the depth-first order.

        Returns:
            (C, 2) int64, start and stop positions in `order`, in the order in which the classes come there:
            the runs are disjoint and cover 0 … F.
        """
        column = self.lineage[self.order, self.scale_index(scale)]
        starts = np.flatnonzero(np.r_[True, column[1:] != column[:-1]])
        return np.stack([starts, np.r_[starts[1:], len(column)]], axis=1).astype(np.int64)

    def name(self, scale: str | int, class_id: int) -> str:
        """Return the name of a class, or its id as text where classes have no names."""
        index = self.scale_index(scale)
        ids = self.class_ids(index)
        place = int(np.searchsorted(ids, class_id))
        if place == len(ids) or ids[place] != class_id:
            raise TaxonomyError(f"no class {class_id} at scale {self.scales[index]!r}")
        return str(class_id) if self.names is None else self.names[index][place]

    def to_dict(self) -> dict[str, Any]:
        """Return the tree as plain lists, ready for JSON."""
        names = None if self.names is None else [list(column) for column in self.names]
        return {"scales": list(self.scales), "lineage": self.lineage.tolist(), "names": names}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Taxonomy":
        """Rebuild a taxonomy from `to_dict`, with the same checks as `from_labels`."""
        try:
            return cls.from_labels(np.asarray(value["lineage"]), value["scales"], value.get("names"))
        except (KeyError, TypeError, AttributeError) as error:
            raise TaxonomyError(f"not a taxonomy: {type(error).__name__}: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the tree as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: str | Path) -> "Taxonomy":
        """Read a tree written by `save`."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise TaxonomyError(f"no taxonomy file {path}") from error
        except (UnicodeDecodeError, json.JSONDecodeError, TaxonomyError) as error:
            raise TaxonomyError(f"{path}: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """A short digest of scales, names and lineage: equal trees have equal fingerprints."""
        return hashlib.sha256(json.dumps(self.to_dict()).encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Taxonomy) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __str__(self) -> str:
        return draw_tree(self)


def dense_labels(labels: ArrayLike) -> Ints:
    """Replace the ids of every column by 0 … C-1, in ascending order of the ids: (N, L) int64.

    >>> dense_labels([[7, 3], [9, 3], [7, 3]]).tolist()
    [[0, 0], [1, 0], [0, 0]]
    """
    table = np.asarray(labels)
    columns = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in table.T]
    return np.stack(columns, axis=1).astype(np.int64)


def first_seen_labels(labels: Ints) -> tuple[list[Ints], Ints]:
    """Replace the ids of every column by their rank of first appearance.

    Returns:
        Per column, the ids in the order in which they appear; and the ranks, (N, L) int64.
    """
    seen, ranks = [], []
    for column in labels.T:
        ids, first, inverse = np.unique(column, return_index=True, return_inverse=True)
        by_appearance = np.argsort(first, kind="stable")
        rank = np.empty_like(by_appearance)
        rank[by_appearance] = np.arange(len(ids))
        seen.append(ids[by_appearance])
        ranks.append(rank[inverse.reshape(-1)])
    return seen, np.stack(ranks, axis=1).astype(np.int64)


def shared_scales(a: Any, b: Any) -> Any:
    """Count the scales at which two label rows are of the same class.

    Since classes nest, rows that share a scale share every coarser one: L means the same fine class, 1 the
    same coarsest class alone, 0 nothing.

    Args:
        a: (…, L) integers, numpy or torch.
        b: (…, L) integers, broadcast against `a`: `shared_scales(x[:, None], y[None])` gives all pairs.

    Returns:
        (…) integers, 0 … L.
    """
    return (a == b).sum(-1)


def check_nesting(
    lineage: Ints, scales: Sequence[str], names: tuple[tuple[str, ...], ...] | None = None
) -> None:
    """Refuse classes that lie in two classes of the next coarser scale.

    Args:
        lineage: (F, L) int64, distinct rows in ascending order (as from `np.unique`), finest scale first.
        scales: L names, fine to coarse.
        names: per scale, the names of its classes in ascending order of the ids, for the text of the error.

    Raises:
        TaxonomyError: names the first offending classes and two parents of each.
    """

    def name(scale: int, class_id: int) -> str:
        if names is None:
            return str(class_id)
        return repr(names[scale][int(np.searchsorted(np.unique(lineage[:, scale]), class_id))])

    for m in range(len(scales) - 1):
        pairs = np.unique(lineage[:, m : m + 2], axis=0)
        repeated = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0])
        if len(repeated) == 0:
            continue
        child, parent = scales[m], scales[m + 1]
        children = np.unique(pairs[repeated, 0])
        cases = []
        for class_id in children[:5]:
            parents = pairs[pairs[:, 0] == class_id, 1][:2]
            cases.append(
                f"{child} {name(m, class_id)} lies in {parent} {name(m + 1, parents[0])}"
                f" and in {parent} {name(m + 1, parents[1])}"
            )
        more = f"; and {len(children) - 5} more" if len(children) > 5 else ""
        raise TaxonomyError(
            f"classes do not nest: {'; '.join(cases)}{more}. Every {child} must have one {parent}: correct "
            f"the rows that are wrong, or, where they are different classes of one name, give each its own "
            f"(such as '{parent}/{child}')."
        )


def draw_tree(taxonomy: Taxonomy, most: int = 4) -> str:
    """Draw the tree as text, at most `most` branches below each node, the rest counted."""
    counts = ", ".join(f"{n:,} {scale}" for n, scale in zip(taxonomy.num_classes, taxonomy.scales))
    lines = [f"Taxonomy: {counts}"]
    rows = taxonomy.order

    def grow(rows: Ints, scale: int, indent: str) -> None:
        ids = taxonomy.lineage[rows, scale]
        starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        groups = np.split(rows, starts[1:])
        for place, group in enumerate(groups):
            if place == most and len(groups) > most + 1:
                lines.append(f"{indent}└─ … {len(groups) - most:,} more")
                return
            last = place == len(groups) - 1
            size = f" ({len(group):,})" if scale > 0 else ""
            name = taxonomy.name(scale, int(taxonomy.lineage[group[0], scale]))
            lines.append(f"{indent}{'└─' if last else '├─'} {name}{size}")
            if scale > 0:
                grow(group, scale - 1, indent + ("   " if last else "│  "))

    grow(rows, taxonomy.num_scales - 1, "")
    return "\n".join(lines)


def _checked_scales(scales: Sequence[str]) -> tuple[str, ...]:
    if isinstance(scales, str):
        raise TaxonomyError(f"scales must be a list of names, fine to coarse, not the text {scales!r}")
    scales = tuple(str(scale) for scale in scales)
    if not scales or len(set(scales)) != len(scales) or not all(scale.strip() for scale in scales):
        raise TaxonomyError(f"scales must be one or more distinct names, fine to coarse; got {list(scales)}")
    return scales


def _checked_table(labels: ArrayLike, scales: tuple[str, ...]) -> Ints:
    table = np.asarray(labels)
    if table.ndim != 2 or table.shape[1] != len(scales):
        raise TaxonomyError(
            f"labels must be (N, {len(scales)}), one column for each of {', '.join(scales)}; "
            f"got shape {table.shape}"
        )
    if len(table) == 0:
        raise TaxonomyError("labels are empty: a taxonomy needs one row or more")
    if not np.issubdtype(table.dtype, np.integer):
        raise TaxonomyError(f"labels must be integers; got {table.dtype}")
    if table.dtype == np.uint64 and table.max() > np.iinfo(np.int64).max:
        raise TaxonomyError("labels must fit int64; use dense_labels(labels) to number them from 0")
    table = table.astype(np.int64)
    if table.min() < 0:
        row = int(np.argwhere(table < 0)[0, 0])
        raise TaxonomyError(f"labels must not be negative; row {row} is {table[row].tolist()}")
    return table


def _check_names(lineage: Ints, scales: tuple[str, ...], names: tuple[tuple[str, ...], ...] | None) -> None:
    if names is None:
        return
    if len(names) != len(scales):
        raise TaxonomyError(f"names must have one list for each of {len(scales)} scales; got {len(names)}")
    for scale, column, ids in zip(scales, names, lineage.T):
        if len(column) != len(np.unique(ids)):
            raise TaxonomyError(
                f"scale {scale!r} has {len(np.unique(ids))} classes but {len(column)} names were given"
            )


def _check_dense(fine: Ints, scale: str) -> None:
    missing = np.setdiff1d(np.arange(min(int(fine.max()) + 1, 2 * len(fine) + 8)), fine)
    if len(missing):
        raise TaxonomyError(
            f"the ids of the finest scale {scale!r} must be 0 … {len(fine) - 1} with none left out; "
            f"missing: {shortened(missing)}. dyml.taxonomy.dense_labels(labels) numbers them so."
        )
