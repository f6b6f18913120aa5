"""Label tables, whatever tree they come from: numbering the ids, comparing rows."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


def dense_labels(labels: ArrayLike) -> Ints:
    """Replace the ids of every column by 0 … C-1, in ascending order of the ids.

    Args:
        labels: (N, L) integers, or anything that sorts.

    Returns:
        (N, L) int64.

    >>> dense_labels([[7, 3], [9, 3], [7, 3]]).tolist()
    [[0, 0], [1, 0], [0, 0]]
    """
    table = np.asarray(labels)
    columns = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in table.T]
    return np.stack(columns, axis=1).astype(np.int64)


def first_seen_labels(labels: ArrayLike) -> tuple[list[NDArray[Any]], Ints]:
    """Replace the ids of every column by their rank of first appearance.

    Args:
        labels: (N, L) integers, or anything that sorts.

    Returns:
        Per column, its distinct ids in the order in which they appear; and the ranks, (N, L) int64.

    >>> seen, ranks = first_seen_labels([[7, 3], [5, 3], [7, 3]])
    >>> [ids.tolist() for ids in seen], ranks.tolist()
    ([[7, 5], [3]], [[0, 0], [1, 0], [0, 0]])
    """
    seen, ranks = [], []
    for column in np.asarray(labels).T:
        ids, first, inverse = np.unique(column, return_index=True, return_inverse=True)
        by_appearance = np.argsort(first, kind="stable")
        rank = np.empty(len(ids), dtype=np.int64)
        rank[by_appearance] = np.arange(len(ids))
        seen.append(ids[by_appearance])
        ranks.append(rank[inverse.reshape(-1)])
    return seen, np.stack(ranks, axis=1)


def shared_scales(a: Any, b: Any) -> Any:
    """Count the scales at which two label rows are of the same class.

    Since classes nest, rows that share a scale share every coarser one: L means the same fine class, 1 the
    same coarsest class alone, 0 nothing.

    Args:
        a: (…, L) integers, numpy or torch.
        b: (…, L) integers, broadcast against `a`: `shared_scales(x[:, None], y[None])` gives all pairs.

    Returns:
        (…) integers, 0 … L.

    >>> shared_scales(np.array([4, 1, 0]), np.array([[4, 1, 0], [5, 1, 0], [9, 3, 2]])).tolist()
    [3, 2, 0]
    """
    return (a == b).sum(-1)
