"""Open every picture of a manifest and report what is wrong with the pictures, the labels and the split."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.data.looking import look_at_all
from dyml.data.manifest import Manifest, find_manifest, read_manifest
from dyml.data.table import row_numbers
from dyml.data.text_column import TextColumn
from dyml.errors import shortened

TRAIN = "train"


@dataclass(frozen=True)
class BadPicture:
    """A picture that cannot be opened: `kind` is missing, empty, truncated, too large or unreadable."""

    row: int
    path: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Duplicate:
    """Pictures that are the same byte for byte.

    `labels_differ`: one of them must be mislabelled. `splits_differ`: a picture leaks into another split.
    """

    rows: tuple[int, ...]
    paths: tuple[str, ...]
    labels_differ: bool
    splits_differ: bool


@dataclass(frozen=True)
class ClassCount:
    """How many classes and pictures a scale has in a split; least, median and most are pictures a class."""

    split: str
    scale: str
    classes: int
    pictures: int
    least: int
    median: float
    most: int


@dataclass(frozen=True)
class CheckReport:
    """What `check_manifest` found.

    Attributes:
        manifest: the file.
        pictures: rows of the manifest.
        scales: scale names, fine to coarse.
        splits: split names; empty where there is no split column.
        counts: classes and pictures per split and scale; split "all" comes first.
        bad: pictures that cannot be opened.
        duplicates: groups of identical pictures.
        single: fine classes with one picture.
        shared: fine classes that are in train and in another split: the split is not open-set.
        lookalikes: per scale, class names that differ in case, blanks or accents' encoding alone.
        open_set: True or False; None where there is no split named train beside another.
    """

    manifest: str
    pictures: int
    scales: tuple[str, ...]
    splits: tuple[str, ...]
    counts: tuple[ClassCount, ...]
    bad: tuple[BadPicture, ...]
    duplicates: tuple[Duplicate, ...]
    single: tuple[str, ...]
    shared: tuple[str, ...]
    lookalikes: tuple[tuple[str, ...], ...]
    open_set: bool | None

    @property
    def mislabelled(self) -> tuple[Duplicate, ...]:
        """Identical pictures with different labels."""
        return tuple(group for group in self.duplicates if group.labels_differ)

    @property
    def leaks(self) -> tuple[Duplicate, ...]:
        """Identical pictures in different splits."""
        return tuple(group for group in self.duplicates if group.splits_differ)

    def problems(self, allow_single: bool = False) -> list[str]:
        """Return one sentence for each kind of problem, with the mend; an empty list if all is well."""
        lines = []
        for kind in ("missing", "empty", "truncated", "too large", "unreadable"):
            paths = [picture.path for picture in self.bad if picture.kind == kind]
            if paths:
                lines.append(f"{_count(len(paths), 'picture')} {kind}: {shortened(paths, 3)}")
        if self.mislabelled:
            shown = shortened((" = ".join(group.paths) for group in self.mislabelled), 3)
            lines.append(
                f"{_count(len(self.mislabelled), 'picture')} mislabelled, the same under two labels: {shown}"
            )
        if self.leaks:
            shown = shortened((" = ".join(group.paths) for group in self.leaks), 3)
            lines.append(f"{_count(len(self.leaks), 'picture')} in two splits (a leak): {shown}")
        plain = [group for group in self.duplicates if not (group.labels_differ or group.splits_differ)]
        if plain:
            shown = shortened((" = ".join(group.paths) for group in plain), 3)
            lines.append(f"{_count(len(plain), 'picture')} stored more than once: {shown}")
        if self.single and not allow_single:
            lines.append(
                f"{_count(len(self.single), 'class', 'classes')} with a single picture, which can never be "
                f"retrieved: {shortened(self.single)}. Add pictures or remove the rows; "
                f"--allow-single accepts them."
            )
        if self.shared:
            lines.append(
                f"the split is not open-set: {_count(len(self.shared), 'fine class', 'fine classes')} in "
                f"{TRAIN} and in another split: {shortened(self.shared)}. "
                f"`dyml data split --force` makes a new one."
            )
        return lines

    def to_dict(self, allow_single: bool = False) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON, with the `problems` in words."""
        return asdict(self) | {"problems": self.problems(allow_single)}


def check_manifest(
    path: str | Path,
    scales: Sequence[str] | None = None,
    root: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    fresh: bool = False,
) -> CheckReport:
    """Read a manifest, open all of its pictures in parallel threads and report.

    What was seen is noted as it goes, so that a check which is stopped goes on where it was, and a later one
    opens what has changed alone.

    Args:
        path, scales, root: as for `read_manifest`.
        workers: threads; None takes one a processor.
        progress: called with (pictures done, pictures in all) every few pictures.
        fresh: open every picture, whatever was noted before.

    Raises:
        ManifestError, TaxonomyError: the manifest itself cannot be read.
    """
    file = find_manifest(path)
    manifest = read_manifest(file, scales, root)
    looks = look_at_all(manifest, workers, progress, remember=not fresh)
    bad = sorted(looks.problems.items())
    groups = identical(looks.exact)
    named = sorted({index for index, _ in bad}.union(*groups))
    rows = dict(zip(named, row_numbers(file, named))) if named else {}
    shared = shared_classes(manifest)
    return CheckReport(
        manifest=str(file),
        pictures=len(manifest),
        scales=manifest.scales,
        splits=manifest.splits,
        counts=tuple(class_counts(manifest)),
        bad=tuple(
            BadPicture(rows[index], manifest.paths[index], problem.kind, str(problem))
            for index, problem in bad
        ),
        duplicates=tuple(duplicate(manifest, rows, group) for group in groups),
        single=tuple(single_classes(manifest)),
        shared=tuple(shared),
        lookalikes=tuple(group for names in manifest.taxonomy.names or () for group in lookalikes(names)),
        open_set=None if not {TRAIN} < set(manifest.splits) else not shared,
    )


def class_counts(manifest: Manifest) -> list[ClassCount]:
    """Count classes and pictures per split and scale: first for all pictures, then split by split."""
    rows = {"all": np.ones(len(manifest), dtype=bool)}
    if manifest.split is not None:
        names = TextColumn.of(manifest.split)
        rows |= {split: names.equals(split) for split in manifest.splits}
    counts = []
    for split, chosen in rows.items():
        for scale, column in zip(manifest.scales, manifest.labels[chosen].T):
            sizes = np.bincount(column)
            sizes = sizes[sizes > 0]
            span = int(sizes.min()), float(np.median(sizes)), int(sizes.max())
            counts.append(ClassCount(split, scale, len(sizes), int(sizes.sum()), *span))
    return counts


def single_classes(manifest: Manifest) -> list[str]:
    """Return the names of the fine classes with one picture."""
    sizes = np.bincount(manifest.labels[:, 0])
    return _fine_names(manifest, np.flatnonzero(sizes == 1))


def shared_classes(manifest: Manifest) -> list[str]:
    """Return the names of the fine classes that are in train and in another split."""
    if manifest.split is None:
        return []
    train = TextColumn.of(manifest.split).equals(TRAIN)
    fine = manifest.labels[:, 0]
    return _fine_names(manifest, np.intersect1d(fine[train], fine[~train]))


def lookalikes(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Group names that differ in case, blanks, dashes or the encoding of accents alone.

    >>> lookalikes(["Red apple", "pear", "red-apple"])
    [('Red apple', 'red-apple')]
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name).casefold())].append(name)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _fine_names(manifest: Manifest, fine: NDArray[np.int64]) -> list[str]:
    names = manifest.taxonomy.names
    return [str(i) if names is None else names[0][i] for i in fine.tolist()]


def identical(hashes: NDArray[np.uint64]) -> list[list[int]]:
    """Return the groups of rows with one hash, each rising, in order of their first rows.

    Args:
        hashes: (N,) or (N, W); rows of zeros stand for nothing and are in no group.
    """
    table = hashes.reshape(len(hashes), -1)
    order = np.lexsort(tuple(table.T))
    table = table[order]
    new = np.r_[True, (table[1:] != table[:-1]).any(axis=1)][: len(table)]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.r_[starts, len(table)])
    many = (sizes > 1) & table[starts].any(axis=1)
    groups = [sorted(order[start : start + size].tolist()) for start, size in zip(starts[many], sizes[many])]
    return sorted(groups)


def duplicate(manifest: Manifest, rows: dict[int, int], group: list[int]) -> Duplicate:
    """Return a group of identical pictures with what differs in it; `rows` gives the row numbers."""
    labels = manifest.labels[group]
    return Duplicate(
        rows=tuple(rows[index] for index in group),
        paths=tuple(manifest.paths[index] for index in group),
        labels_differ=bool((labels != labels[0]).any()),
        splits_differ=manifest.split is not None and len({manifest.split[index] for index in group}) > 1,
    )


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
