"""Pairs of pictures by the number of scales that they share: counted, and drawn evenly from every number.

Pairs that share the finest class are one in thousands, so a plain sample would hardly hold any. The same
number is drawn for every number of shared scales (a stratum); `priors` weights them back to what the data
holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyml.errors import InputError
from dyml.taxonomy import check_nesting
from dyml.taxonomy.pairs import draw_level, run_stops

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of rows of a label table.

    Attributes:
        first: (P,) int64, rows.
        second: (P,) int64, other rows.
        shared: (P,) int64, how many scales both have in common, 0 … L.
        totals: (L + 1,) int64, how many pairs of the whole table share 0 … L scales.
    """

    first: Ints
    second: Ints
    shared: Ints
    totals: Ints

    def __len__(self) -> int:
        return len(self.first)


def pair_totals(labels: Ints) -> Ints:
    """Return how many pairs of a nested label table (N, L) share 0, 1 … L scales: (L + 1,) int64."""
    sizes = [
        np.array([len(labels)]),
        *(np.unique(column, return_counts=True)[1] for column in labels.T[::-1]),
    ]
    at_least = np.array([int((count * (count - 1) // 2).sum()) for count in sizes])
    return at_least - np.append(at_least[1:], 0)


def draw_pairs(labels: Ints, most: int = 100_000, seed: int = 0) -> Pairs:
    """Draw pairs for every number of shared scales.

    Args:
        labels: (N, L) int64, finest scale first, nested.
        most: pairs for every number of shared scales; where there are more, a sample of this size, drawn
            evenly with replacement, else every pair once.
        seed: of the samples.
    """
    order = np.lexsort(tuple(labels.T))
    stops = run_stops(labels[order])
    rng = np.random.default_rng(seed)
    first, second, shared = [], [], []
    for level in range(labels.shape[1] + 1):
        one, other, _ = draw_level(stops, level, most, rng)
        first.append(order[one])
        second.append(order[other])
        shared.append(np.full(len(one), level))
    return Pairs(np.concatenate(first), np.concatenate(second), np.concatenate(shared), pair_totals(labels))


def pair_similarities(embeddings: NDArray, pairs: Pairs, block: int = 8192) -> Floats:
    """Return the cosine similarity of every pair of unit rows: (P,) float64."""
    out = np.empty(len(pairs))
    for start in range(0, len(pairs), block):
        part = slice(start, start + block)
        out[part] = np.einsum("ij,ij->i", embeddings[pairs.first[part]], embeddings[pairs.second[part]])
    return out


def checked(embeddings: ArrayLike, labels: ArrayLike, scales: Sequence[str]) -> tuple[NDArray, Ints]:
    """Return embeddings as unit rows and labels as (N, L) int64.

    Raises:
        InputError: shapes or names do not fit, an embedding is not finite or has no length.
        TaxonomyError: the labels do not nest.
    """
    vectors, table = np.asarray(embeddings), np.asarray(labels)
    if table.ndim != 2 or table.shape[1] < 1 or not np.issubdtype(table.dtype, np.integer):
        raise InputError(
            f"labels must be an (N, L) table of integers, finest scale first; got {table.dtype} of shape "
            f"{table.shape}"
        )
    if len(scales) != table.shape[1] or isinstance(scales, str) or len(set(scales)) != len(scales):
        raise InputError(
            f"scales must be {table.shape[1]} distinct names, fine to coarse, one a column of labels; "
            f"got {scales!r}"
        )
    if vectors.ndim != 2 or len(vectors) != len(table):
        raise InputError(
            f"embeddings must be ({len(table)}, D), one row for each row of labels; got shape {vectors.shape}"
        )
    if len(table) < 2:
        raise InputError(f"a gauge is fitted on pairs of pictures; got {len(table)} picture(s)")
    vectors = vectors.astype(np.float64 if vectors.dtype == np.float64 else np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(norms[:, 0]) | (norms[:, 0] == 0))
    if len(bad):
        raise InputError(
            f"embeddings hold rows that are not finite or all zero: row {bad[0]}"
            f"{f' and {len(bad) - 1} more' if len(bad) > 1 else ''}. Embed those pictures again."
        )
    check_nesting(table.astype(np.int64), scales)
    return vectors / norms, table.astype(np.int64)
