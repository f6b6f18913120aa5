"""The nearest pictures of one query at every number of shared scales, and the query that shows them best."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dyml.report.vectors import Floats, Ints


@dataclass(frozen=True)
class Group:
    """The nearest pictures of a query that share exactly `level` scales with it, each of another class."""

    level: int
    rows: Ints
    similarity: Floats


def best_ordered(vectors: Floats, labels: Ints, seed: int, most: int = 300) -> int:
    """Return the row, of a sample, whose similarities of neighbouring levels overlap least.

    Rows that have more pictures to show, of more levels, come first.
    """
    sample = np.random.default_rng(seed).permutation(len(vectors))[:most]
    marks = []
    for row in sample.tolist():
        shared = np.delete((labels == labels[row]).sum(1), row)
        values = np.delete(vectors @ vectors[row], row)
        present = np.unique(shared)[::-1]
        parts = [values[shared == level] for level in present]
        gaps = [float(np.quantile(upper, 0.2) - np.quantile(lower, 0.8)) for upper, lower in pairwise(parts)]
        tiles = sum(len(group.rows) for group in level_groups(vectors, labels, row, most=2))
        marks.append((len(present), tiles, min(gaps, default=0.0)))
    return int(sample[max(range(len(marks)), key=marks.__getitem__)])


def level_groups(vectors: Floats, labels: Ints, row: int, most: int) -> list[Group]:
    """Return the nearest pictures of a row for every number of shared scales, most shared first.

    Below the finest level each picture shown is of another class at the next finer scale.
    """
    shared = (labels == labels[row]).sum(1)
    values = vectors @ vectors[row]
    order = np.argsort(-values, kind="stable")
    order = order[order != row]
    groups = []
    for level in range(labels.shape[1], -1, -1):
        mine = order[shared[order] == level]
        if level < labels.shape[1]:
            _, first = np.unique(labels[mine, labels.shape[1] - level - 1], return_index=True)
            mine = mine[np.sort(first)]
        if len(mine):
            groups.append(Group(level, mine[:most], values[mine[:most]]))
    return groups
