"""Class names that nest, out of labels that may not."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def class_names(labels: Ints, prefix: str = "") -> list[list[str]]:
    """Name the class of every row at every scale, so that the classes are a tree.

    A class is named by its number. A number that comes under several classes of the next coarser scale stands
    for as many classes, each named `coarser/number`.

    Args:
        labels: (N, L) int64, finest scale first.
        prefix: put before every number.

    Returns:
        L lists of N names, fine to coarse.

    >>> class_names(np.array([[7, 0], [8, 1], [7, 1]]))
    [['0/7', '8', '1/7'], ['0', '1', '1']]
    """
    coarsest, *finer = labels.T[::-1]
    columns = [_numbers(coarsest, prefix)]
    codes = np.unique(coarsest, return_inverse=True)[1].reshape(-1)
    for column in finer:
        own = np.unique(column, return_inverse=True)[1].reshape(-1)
        torn = np.bincount(np.unique(np.stack([own, codes]), axis=1)[0])[own] > 1
        names = _numbers(column, prefix)
        for row in np.flatnonzero(torn):
            names[row] = f"{columns[-1][row]}/{names[row]}"
        columns.append(names)
        codes = np.unique(np.stack([own, np.where(torn, codes, -1)]), axis=1, return_inverse=True)[1]
        codes = codes.reshape(-1)
    return columns[::-1]


def torn_classes(labels: Ints, scales: Sequence[str]) -> dict[str, list[int]]:
    """Return, by scale, the labels that come under several classes of the next coarser scale.

    Args:
        labels: (N, L) int64, finest scale first.
        scales: L names, fine to coarse.
    """
    torn: dict[str, list[int]] = {}
    for scale, (own, above) in zip(scales, pairwise(labels.T)):
        ids, parents = np.unique(np.unique(np.stack([own, above]), axis=1)[0], return_counts=True)
        if (parents > 1).any():
            torn[scale] = ids[parents > 1].tolist()
    return torn


def _numbers(column: Ints, prefix: str) -> list[str]:
    ids, codes = np.unique(column, return_inverse=True)
    names = np.array([f"{prefix}{number}" for number in ids.tolist()], dtype=object)
    named: list[str] = names[codes.reshape(-1)].tolist()
    return named
