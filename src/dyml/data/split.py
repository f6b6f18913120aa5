"""An open-set split: whole fine classes go to train, val or test, so test classes never occur in training.

The split depends on the class names and the seed alone; the pictures and the order of the rows do not matter.
"""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.data.manifest import Manifest, find_manifest, read_manifest
from dyml.data.table import read_table, write_table
from dyml.errors import InputError, ManifestError
from dyml.taxonomy import Taxonomy

Ints = NDArray[np.int64]


def open_set_split(
    taxonomy: Taxonomy, test_share: float = 0.4, val_share: float = 0.0, seed: int = 0
) -> list[str]:
    """Choose a side for every fine class.

    Every coarser class with two fine classes or more is in train and in test, even where that moves the
    shares; only where no other fine class is left does val take the last one of train. A class with a single
    fine class is wholly on one side; those fill up the share of the class above them.

    Args:
        taxonomy: the tree; classes are told apart by their names.
        test_share: share of the fine classes that go to test, in (0, 1).
        val_share: share that goes to val, 0 for none.
        seed: another seed gives another split.

    Returns:
        F names, "train", "val" or "test", for fine class 0 … F-1.

    Raises:
        InputError: the shares are no shares, or leave no class to train on.
        ManifestError: too few fine classes to have one on every side.
    """
    if not 0 < test_share < 1 or not 0 <= val_share < 1 or test_share + val_share >= 1:
        raise InputError(
            f"test share and val share must be in (0, 1) and leave some to train on; "
            f"got {test_share} and {val_share}"
        )
    sides = 3 if val_share else 2
    if taxonomy.num_fine < sides:
        raise ManifestError(
            f"{taxonomy.num_fine} fine class(es) cannot be split into {sides} sides without sharing a class; "
            f"an open-set split needs at least {sides}"
        )
    keys = _keys(taxonomy, seed)
    result = np.full(taxonomy.num_fine, "train", dtype=object)
    every = np.arange(taxonomy.num_fine)
    test = _choose(taxonomy, keys, every, test_share * taxonomy.num_fine, spare=sides - 1)
    result[test] = "test"
    if val_share:
        rest = np.setdiff1d(every, test)
        free = np.setdiff1d(rest, _last_of_their_class(taxonomy, rest))
        if len(free):
            result[_choose(taxonomy, keys, free, val_share * taxonomy.num_fine, spare=1)] = "val"
        else:
            result[min(rest.tolist(), key=lambda fine: keys[0][fine])] = "val"
    return [str(side) for side in result]


def split_manifest(
    path: str | Path,
    out: str | Path | None = None,
    *,
    scales: Sequence[str] | None = None,
    test_share: float = 0.4,
    val_share: float = 0.0,
    seed: int = 0,
    force: bool = False,
) -> Manifest:
    """Write a manifest's `split` column, keeping every other column as it is.

    Args:
        path: the manifest or its folder.
        out: where to write; None rewrites the manifest itself.
        scales: as for `read_manifest`.
        test_share, val_share, seed: as for `open_set_split`.
        force: replace a split that is there, or a file that is there.

    Returns:
        The manifest as it was written; its root stays the folder of `path`.

    Raises:
        ManifestError: a split or the file `out` is there already and `force` is not set.
    """
    file = find_manifest(path)
    target = file if out is None else Path(out)
    in_place = target.resolve() == file.resolve()
    if not in_place and target.exists() and not force:
        raise ManifestError(f"{target} is there already; --force writes over it, --out names another file")
    table = read_table(file)
    if in_place and "split" in table.names and not force:
        raise ManifestError(
            f"{file} has a split column already; --force replaces it, --out FILE writes a copy"
        )
    # The old split may be blank or wrong; it is about to go.
    manifest = read_manifest(file, scales, use_split=False)
    sides = open_set_split(manifest.taxonomy, test_share, val_share, seed)
    split: list[str] = np.array(sides, dtype=object)[manifest.labels[:, 0]].tolist()
    columns = table.columns.drop_columns(["split"]) if "split" in table.names else table.columns
    write_table(columns.append_column("split", pa.array(split)), target)
    return Manifest(manifest.root, manifest.paths, manifest.labels, split, manifest.taxonomy)


@dataclass(frozen=True)
class SideCount:
    """Of the classes at a coarser scale, how many are on several sides, and how many have one fine class."""

    scale: str
    classes: int
    several: int
    single_fine: int


def side_counts(manifest: Manifest) -> list[SideCount]:
    """Count, for every scale but the finest, the classes that have pictures in several splits."""
    codes = np.unique(np.array(manifest.split or [""], dtype=object).astype(str), return_inverse=True)[1]
    counts = []
    for m, scale in enumerate(manifest.scales[1:], start=1):
        pairs = np.unique(np.stack([manifest.labels[:, m], np.broadcast_to(codes, len(manifest))]), axis=1)
        sides = np.bincount(pairs[0])
        fine = np.bincount(manifest.taxonomy.codes[:, m])
        counts.append(SideCount(scale, len(sides), int((sides > 1).sum()), int((fine == 1).sum())))
    return counts


def _last_of_their_class(taxonomy: Taxonomy, rest: Ints) -> Ints:
    """Return the fine classes that are all that is left of a coarser class that had several."""
    last = np.zeros(len(rest), dtype=bool)
    for codes in taxonomy.codes.T[1:]:
        last |= (np.bincount(codes[rest], minlength=len(codes))[codes[rest]] == 1) & (
            np.bincount(codes)[codes[rest]] > 1
        )
    return rest[last]


@dataclass(frozen=True)
class _Node:
    """A class in the tree of those that are to be shared out.

    `least` is how many of its fine classes either side needs so that it and every class below it are on both.
    """

    fine: Ints
    key: bytes
    least: int
    children: list["_Node"]


def _choose(taxonomy: Taxonomy, keys: list[list[bytes]], fine: Ints, target: float, spare: int) -> Ints:
    root = _Node(fine, b"", 0, _children(taxonomy, keys, fine, taxonomy.num_scales - 1))
    least = max(1, sum(child.least for child in root.children))
    most = max(min(len(fine) - least, len(fine) - spare), 1)
    quota = min(max(round(target), least), most)
    return np.array(_take(root, quota), dtype=np.int64)


def _children(taxonomy: Taxonomy, keys: list[list[bytes]], fine: Ints, scale: int) -> list[_Node]:
    if scale < 0:
        return []
    codes = taxonomy.codes[fine, scale]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.r_[True, codes[order][1:] != codes[order][:-1]])
    nodes = []
    for group in np.split(fine[order], starts[1:]):
        below = _children(taxonomy, keys, group, scale - 1)
        least = 0 if len(group) == 1 else max(1, sum(child.least for child in below))
        nodes.append(_Node(group, keys[scale][taxonomy.codes[group[0], scale]], least, below))
    return nodes


def _take(node: _Node, quota: int) -> list[int]:
    """Take `quota` fine classes of a node, spread over its children by their size."""
    if not node.children:
        return [int(node.fine[0])] if quota else []
    share = quota / len(node.fine)
    quotas = [child.least for child in node.children]
    most = [len(child.fine) - child.least for child in node.children]
    wanting = [
        (quotas[i] - share * len(child.fine), child.key, i)
        for i, child in enumerate(node.children)
        if quotas[i] < most[i]
    ]
    heapq.heapify(wanting)
    for _ in range(quota - sum(quotas)):
        lack, key, i = heapq.heappop(wanting)
        quotas[i] += 1
        if quotas[i] < most[i]:
            heapq.heappush(wanting, (lack + 1, key, i))
    return [fine for child, count in zip(node.children, quotas) for fine in _take(child, count)]


def _keys(taxonomy: Taxonomy, seed: int) -> list[list[bytes]]:
    """Return, per scale and class, a number drawn from the class name and the seed."""
    keys = []
    for m in range(taxonomy.num_scales):
        names = [str(i) for i in taxonomy.class_ids(m)] if taxonomy.names is None else taxonomy.names[m]
        keys.append([hashlib.sha256(f"{seed}\0{name}".encode()).digest() for name in names])
    return keys
