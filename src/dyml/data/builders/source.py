"""What a builder reads out of a source: pictures, and a tree of classes that may be deep and ragged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dyml.errors import ManifestError, shortened

Ints = NDArray[np.int64]
Lineage = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """The pictures and classes of a source, as it has them.

    Attributes:
        root: the folder that paths are relative to.
        paths: N relative paths with `/`.
        leaf: (N,) int64, which lineage each picture is of.
        levels: all levels that the source has, fine to coarse.
        lineages: for every class of pictures, its name at each level; empty where a branch lacks the level.
        split: N split names, where the source has a split of its own.
    """

    root: Path
    paths: list[str]
    leaf: Ints
    levels: tuple[str, ...]
    lineages: list[Lineage]
    split: list[str] | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def keep(self, rows: Ints) -> "Source":
        """Return some of the pictures, in the given order."""
        return Source(
            self.root,
            [self.paths[row] for row in rows],
            self.leaf[rows],
            self.levels,
            self.lineages,
            None if self.split is None else [self.split[row] for row in rows],
        )


def source_of(
    root: Path,
    paths: list[str],
    lineages: Sequence[Lineage],
    levels: tuple[str, ...],
    split: list[str] | None = None,
) -> Source:
    """Make a source of one lineage a picture.

    Args:
        root: the folder of the paths.
        paths: N relative paths.
        lineages: N lineages, as long as `levels`; names are stripped of blanks around them.
        levels: fine to coarse.
        split: N split names, or None.

    Raises:
        ManifestError: there is no picture.
    """
    if not paths:
        raise ManifestError(f"{root}: the source names no picture")
    places: dict[Lineage, int] = {}
    leaf = np.array([places.setdefault(lineage, len(places)) for lineage in lineages], dtype=np.int64)
    stripped = [tuple(name.strip() for name in lineage) for lineage in places]
    return Source(root, paths, leaf, levels, stripped, split)


def without_missing(source: Source) -> tuple[Source, list[str]]:
    """Leave out the pictures that are not on disk.

    Returns:
        The rest, and the paths that were left out.

    Raises:
        ManifestError: none is there.
    """
    there = np.array([(source.root / path).is_file() for path in source.paths], dtype=bool)
    missing = [source.paths[row] for row in np.flatnonzero(~there)]
    if not there.any():
        raise ManifestError(
            f"{source.root}: none of the {len(source):,} pictures is there: {shortened(missing, 3)}. Unpack "
            f"the pictures, or name the folder that the paths are relative to"
        )
    return (source.keep(np.flatnonzero(there)) if missing else source), missing
