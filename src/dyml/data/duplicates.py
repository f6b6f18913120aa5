"""Pictures that are the same, byte for byte or to the eye, and which of them leak across the split.

Pictures are hashed once (`dyml.data.looking`); near hashes are found in bounded memory (`near_hashes`), and
only the pairs that come out are opened again and compared, so that few hashes agree by chance in the report.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dyml.data.check import Duplicate, duplicate, identical
from dyml.data.images import RefusedImage, open_image
from dyml.data.looking import Looks, look_at_all
from dyml.data.manifest import Manifest, find_manifest, read_manifest
from dyml.data.near_hashes import near_pairs
from dyml.data.table import row_numbers
from dyml.errors import InputError, shortened

BITS, SIMILARITY = 8, 0.95
_SIDE = 24  # pixels of the pictures that are compared
_MOST_BITS = 12
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class NearPair:
    """Two pictures that look the same and differ in their bytes.

    Attributes:
        rows: as an editor shows them.
        paths: of the two.
        splits: of the two; None where there is no split column.
        bits: how many of 64 bits of their visual hashes differ.
        similarity: correlation of their grey values on a grid of 24 × 24, at most 1.
        labels_differ: their fine classes are not the same.
        splits_differ: one of them leaks into another split.
    """

    rows: tuple[int, int]
    paths: tuple[str, str]
    splits: tuple[str, str] | None
    bits: int
    similarity: float
    labels_differ: bool
    splits_differ: bool


@dataclass(frozen=True)
class DuplicateReport:
    """What `find_duplicates` found.

    Attributes:
        manifest: the file.
        pictures: rows of the manifest.
        exact: groups of pictures that are the same byte for byte.
        near: pairs that look the same, those across the split first, then the most alike.
        complete: False where there were too many pairs to list all.
        unread: pictures that cannot be opened, so that nothing is said of them.
    """

    manifest: str
    pictures: int
    exact: tuple[Duplicate, ...]
    near: tuple[NearPair, ...]
    complete: bool
    unread: int

    @property
    def leaks(self) -> tuple[Duplicate | NearPair, ...]:
        """What is in several splits."""
        both: list[Duplicate | NearPair] = [*self.exact, *self.near]
        return tuple(found for found in both if found.splits_differ)

    def lines(self) -> list[str]:
        """Return one sentence for each kind of finding; an empty list where there is none."""
        kinds: list[tuple[str, Sequence[Duplicate | NearPair]]] = [
            ("the same in two splits, byte for byte (a leak)", [d for d in self.exact if d.splits_differ]),
            ("alike in two splits (a leak)", [d for d in self.near if d.splits_differ]),
            ("the same under two labels, byte for byte", [d for d in self.exact if d.labels_differ]),
            ("alike under two labels", [d for d in self.near if d.labels_differ]),
            ("stored more than once", [d for d in self.exact if _plain(d)]),
            ("alike", [d for d in self.near if _plain(d)]),
        ]
        lines = []
        for words, found in kinds:
            if found:
                shown = shortened((" = ".join(each.paths) for each in found), 3)
                lines.append(f"{len(found):,} {words}: {shown}")
        if not self.complete:
            lines.append("There are more pairs than can be listed; ask for nearer ones with --bits.")
        if self.unread:
            lines.append(f"{self.unread:,} pictures cannot be opened; `dyml data check` names them")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return asdict(self) | {"leaks": len(self.leaks), "lines": self.lines()}


def find_duplicates(
    path: str | Path,
    scales: Sequence[str] | None = None,
    root: str | Path | None = None,
    bits: int = BITS,
    similarity: float = SIMILARITY,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DuplicateReport:
    """Find pictures of a manifest that are the same, byte for byte or to the eye.

    Pictures that were coded again, made smaller, brighter or slightly cut are found; turned, mirrored or
    strongly cut ones are not. Pictures of one plain colour are not compared by eye.

    Args:
        path, scales, root: as for `read_manifest`.
        bits: of the 64 bits of the visual hashes, at most so many differ, 1 to 12.
        similarity: the least correlation of the two pictures.
        workers: threads; None takes one a processor.
        progress: called with (pictures done, pictures in all) while pictures are opened.

    Raises:
        InputError: bits or similarity out of range.
        ManifestError, TaxonomyError: the manifest cannot be read.
    """
    if not 1 <= bits <= _MOST_BITS or not 0 <= similarity <= 1:
        raise InputError(
            f"bits must be 1 to {_MOST_BITS} and similarity 0 to 1; got bits {bits}, similarity {similarity}"
        )
    file = find_manifest(path)
    manifest = read_manifest(file, scales, root)
    looks = look_at_all(manifest, workers, progress)
    groups = identical(looks.exact)
    pairs, complete = candidate_pairs(looks, bits)
    alike = _similarities(manifest, pairs[:, :2], workers)
    kept = alike >= similarity
    pairs, alike = pairs[kept], alike[kept]
    named = sorted({*pairs[:, :2].ravel().tolist()}.union(*groups))
    rows = dict(zip(named, row_numbers(file, named)))
    near = [
        _near_pair(manifest, rows, first, second, differ, value)
        for (first, second, differ), value in zip(pairs.tolist(), alike.tolist())
    ]
    near.sort(key=lambda pair: (not pair.splits_differ, not pair.labels_differ, -pair.similarity))
    return DuplicateReport(
        manifest=str(file),
        pictures=len(manifest),
        exact=tuple(duplicate(manifest, rows, group) for group in groups),
        near=tuple(near),
        complete=complete,
        unread=len(looks.problems),
    )


def candidate_pairs(looks: Looks, bits: int) -> tuple[Ints, bool]:
    """Return pairs of rows whose visual hashes differ in few bits and whose bytes are not the same.

    Of pictures with one visual hash, the first is paired with each of the others and stands for all of them
    in pairs with other hashes, so that a picture which is there a thousand times gives a thousand pairs and
    not a million.

    Returns:
        (P, 3) rows and bits that differ; and whether these are all.
    """
    rows = np.flatnonzero(looks.visual)
    _, first = np.unique(looks.exact[rows], axis=0, return_index=True)
    rows = np.sort(rows[first])  # one of each file
    hashes, leaders, group = np.unique(looks.visual[rows], return_index=True, return_inverse=True)
    lead = rows[leaders[group]]
    others = lead != rows
    same = np.stack([lead[others], rows[others], np.zeros(int(others.sum()), np.int64)], axis=1)
    pairs, complete = near_pairs(hashes, bits)
    across = np.stack([rows[leaders[pairs[:, 0]]], rows[leaders[pairs[:, 1]]], pairs[:, 2]], axis=1)
    both = np.concatenate([same, across])
    both[:, :2].sort(axis=1)
    return both[np.lexsort((both[:, 1], both[:, 0]))], complete


def _similarities(manifest: Manifest, pairs: Ints, workers: int | None) -> NDArray[np.float64]:
    """Return the correlation of the two pictures of each pair."""

    def compared(pair: list[int]) -> float:
        try:
            a, b = (_standard(manifest.full_path(row)) for row in pair)
        except RefusedImage:  # gone since it was looked at
            return -1.0
        return float((a * b).mean())

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        return np.array(list(pool.map(compared, pairs.tolist())), dtype=np.float64)


def _standard(path: Path) -> NDArray[np.float64]:
    """Return a picture's grey values on a coarse grid, with mean 0 and spread 1."""
    picture = open_image(path, 1, 2 * _SIDE).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(picture, dtype=np.float64)
    return (values - values.mean()) / max(1e-6, float(values.std()))


def _near_pair(
    manifest: Manifest, rows: dict[int, int], first: int, second: int, bits: int, similarity: float
) -> NearPair:
    splits = None if manifest.split is None else (manifest.split[first], manifest.split[second])
    return NearPair(
        rows=(rows[first], rows[second]),
        paths=(manifest.paths[first], manifest.paths[second]),
        splits=splits,
        bits=bits,
        similarity=round(similarity, 4),
        labels_differ=bool(manifest.labels[first, 0] != manifest.labels[second, 0]),
        splits_differ=splits is not None and splits[0] != splits[1],
    )


def _plain(found: Duplicate | NearPair) -> bool:
    return not (found.splits_differ or found.labels_differ)
