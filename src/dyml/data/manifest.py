"""A manifest: the table `path, <scales…>, split` beside an image folder, the one on-disk form of a data set.

    path,coarse,middle,fine,split
    images/Fruit/Apple/Royal-Gala/001.jpg,Fruit,Apple,Royal-Gala,train

Paths are relative to the manifest's folder and use `/`. Labels are text or integers. Everything is checked
here, once; the rest of the library trusts a `Manifest`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from dyml.data.channels import STORED, ChannelOrder
from dyml.data.columns import checked_labels, checked_paths, checked_split, chosen_scales, nesting_rows
from dyml.data.table import Table, read_table, write_table
from dyml.data.text_column import TextColumn
from dyml.errors import ManifestError, TaxonomyError, shortened, suggest
from dyml.taxonomy import Taxonomy

Ints = NDArray[np.int64]
FILE_NAMES = ("manifest.csv", "manifest.parquet")
_USUAL_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Manifest:
    """A checked manifest; make one with `read_manifest`.

    Paths and split names read as lists and lie in Arrow columns, whatever sequences they are given as, so
    that millions of rows cost no Python object each.

    Attributes:
        root: the folder that `paths` are relative to.
        paths: N relative paths with `/`, as they stand in the file.
        labels: (N, L) int64, finest scale first, ids 0 … C-1 at every scale in sorted order of the names.
        split: N split names, or None where the file has no split column.
        taxonomy: the tree of the classes that occur, with their names.
        channel_order: how the pictures' colours are to be read: stored, or swapped (red and blue).
    """

    root: Path
    paths: Sequence[str]
    labels: Ints
    split: Sequence[str] | None
    taxonomy: Taxonomy
    channel_order: ChannelOrder = STORED

    def __post_init__(self) -> None:
        """Keep the texts in columns."""
        object.__setattr__(self, "paths", TextColumn.of(self.paths))
        if self.split is not None:
            object.__setattr__(self, "split", TextColumn.of(self.split))

    @property
    def scales(self) -> tuple[str, ...]:
        """Scale names, fine to coarse."""
        return self.taxonomy.scales

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The split names that occur: train, val, test first, then the others by name."""
        present = set() if self.split is None else set(TextColumn.of(self.split).distinct())
        usual = [name for name in _USUAL_SPLITS if name in present]
        return (*usual, *sorted(present.difference(usual)))

    def full_path(self, index: int) -> Path:
        """Return where a picture lies."""
        return self.root / self.paths[index]

    def only(self, split: str) -> "Manifest":
        """Return the rows of one split, with the taxonomy of their own classes.

        Raises:
            ManifestError: there is no such split, or it has no rows; the text names those that are present.
        """
        if self.split is None:
            raise ManifestError(
                f"the manifest in {self.root} has no split column, so there is no split {split!r}. "
                f"`dyml data split {self.root}` adds an open-set one."
            )
        rows = TextColumn.of(self.split).equals(split)
        if not rows.any():
            raise ManifestError(
                f"the manifest in {self.root} has no rows of split {split!r}; its splits are "
                f"{', '.join(self.splits)}.{suggest(split, self.splits)} Name one of these, or make a new "
                f"open-set split: `dyml data split {self.root} --force`."
            )
        return self.subset(rows)

    def subset(self, rows: ArrayLike) -> "Manifest":
        """Return some rows, with a taxonomy of the classes that are left (names kept, ids dense again).

        Args:
            rows: (N,) bool, or (K,) integer positions in the wanted order.

        Raises:
            ManifestError: no rows are left, or a mask is not of length N.
        """
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise ManifestError(f"a mask over this manifest must be ({len(self)},); got {rows.shape}")
            rows = np.flatnonzero(rows)
        if len(rows) == 0:
            raise ManifestError(f"no rows are left of the manifest in {self.root}; choose one row or more")
        rows = rows.astype(np.int64)
        labels = self.labels[rows]
        names = self.taxonomy.names or ()
        kept_names = []
        for m, column_names in enumerate(names):
            used = np.bincount(labels[:, m], minlength=len(column_names)) > 0
            labels[:, m] = (np.cumsum(used) - 1)[labels[:, m]]
            kept_names.append([column_names[i] for i in np.flatnonzero(used)])
        rows = rows + (rows < 0) * len(self)  # Arrow does not count from the end
        split = None if self.split is None else TextColumn.of(self.split).take(rows)
        paths = TextColumn.of(self.paths).take(rows)
        tree = tree_of(labels, self.scales, kept_names)
        return Manifest(self.root, paths, labels, split, tree, self.channel_order)


def read_manifest(
    path: str | Path,
    scales: Sequence[str] | None = None,
    root: str | Path | None = None,
    use_split: bool = True,
) -> Manifest:
    """Read and check a manifest.

    Args:
        path: a `.csv` or `.parquet` file, or a folder that holds `manifest.csv` or `manifest.parquet`.
        scales: the label columns, fine to coarse. None takes every column but `path` and `split`, ordered by
            their number of classes.
        root: the folder that paths are relative to, where it is not the manifest's own.
        use_split: False leaves a split column aside, unread.

    Raises:
        ManifestError: the file cannot be read as a manifest; the text names the file, the rows and the mend.
        TaxonomyError: the labels do not nest.
    """
    table = read_table(find_manifest(path), coded=True)
    if "path" not in table.names:
        raise ManifestError(_no_path_column(table))
    paths = checked_paths(table)
    table = table.without("path")  # their text is the most of it, and now here twice
    pa.default_memory_pool().release_unused()
    split = checked_split(table) if use_split else None
    columns = {name: checked_labels(table, name) for name in chosen_scales(table, scales)}
    order = (
        list(columns)
        if scales is not None
        else _fine_to_coarse(table, {k: len(v[0]) for k, v in columns.items()})
    )
    labels = np.empty((len(table), len(order)), dtype=np.int64)
    for m, name in enumerate(order):
        labels[:, m] = columns[name][1]
    names = [columns[name][0] for name in order]
    del columns
    try:
        taxonomy = tree_of(labels, order, names)
    except TaxonomyError as error:
        raise TaxonomyError(_not_nesting(table, labels, order, scales is None, error)) from error
    return Manifest(table.file.parent if root is None else Path(root), paths, labels, split, taxonomy)


def write_manifest(columns: Mapping[str, Sequence[str]], target: str | Path) -> None:
    """Write a manifest as CSV or Parquet, by the ending of `target`, atomically.

    Args:
        columns: `path`, one column a scale, and `split` if there is one, in the order in which they are
            written; all of one length. Values are text or integers.
        target: the file to write; its folder is what the paths are relative to.

    Raises:
        ManifestError: there is no `path` column, lengths differ, or the ending is another.
    """
    if "path" not in columns:
        raise ManifestError(f"{target}: a manifest needs a 'path' column; got {shortened(columns)}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ManifestError(f"{target}: columns of a manifest must have one length; got {lengths}")
    arrays = {
        name: values.values
        if isinstance(values, TextColumn)
        else pa.array([str(value) for value in values], pa.string())  # numpy's text drops zeros at its end
        for name, values in columns.items()
    }
    write_table(pa.table(arrays), Path(target))


def find_manifest(path: str | Path) -> Path:
    """Return the manifest file at `path`: itself, or the one inside a folder.

    Raises:
        ManifestError: the folder has none, or has one of each kind.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = [path / name for name in FILE_NAMES if (path / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ManifestError(
            f"{path} holds both {FILE_NAMES[0]} and {FILE_NAMES[1]}; name the one that you mean"
        )
    raise ManifestError(
        f"{path} has no {FILE_NAMES[0]} or {FILE_NAMES[1]}. `dyml data scan {path}` makes one from nested "
        f"folders (coarse/middle/fine/picture.jpg)."
    )


def tree_of(labels: Ints, scales: Sequence[str], names: Sequence[Sequence[str]]) -> Taxonomy:
    """Return the taxonomy of a label table with dense ids at every scale.

    The same as `Taxonomy.from_labels`, without sorting N rows: one row a fine class decides if all agree.
    """
    lineage = np.zeros((len(names[0]), labels.shape[1]), dtype=np.int64)
    lineage[labels[:, 0]] = labels
    agree = all(bool((lineage[labels[:, 0], m] == labels[:, m]).all()) for m in range(1, labels.shape[1]))
    return Taxonomy.from_labels(lineage if agree else labels, scales, names)


def _fine_to_coarse(table: Table, counts: dict[str, int]) -> list[str]:
    order = sorted(counts, key=lambda name: -counts[name])
    for finer, coarser in pairwise(order):
        if counts[finer] == counts[coarser]:
            raise ManifestError(
                f"{table.file}: columns {finer!r} and {coarser!r} both have {counts[finer]:,} classes, so "
                f"their order is not clear. Name the scales, fine to coarse "
                f"(such as --scales {','.join(order)}; for training --data.scales [{','.join(order)}])."
            )
    return order


def _not_nesting(
    table: Table, labels: Ints, scales: Sequence[str], guessed: bool, error: TaxonomyError
) -> str:
    rows = nesting_rows(labels)
    text = f"{table.file}: {error}" + (f" See {table.rows(rows)}." if rows else "")
    counts = labels.max(axis=0) + 1
    if guessed:
        given = ", ".join(f"{name} ({count:,})" for name, count in zip(scales, counts))
        return (
            f"{text} The scales were taken from all columns, by their number of classes: {given}. If some "
            f"are no scales, name those that are, fine to coarse (such as --scales {','.join(scales[:3])})."
        )
    if (np.diff(counts) > 0).any():
        better = [scales[m] for m in np.argsort(-counts, kind="stable")]
        return f"{text} Scales are named fine to coarse: did you mean {','.join(better)}?"
    return text


def _no_path_column(table: Table) -> str:
    text = f"{table.file}: no column 'path'; its columns are {shortened(map(repr, table.names), 10)}."
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        if any(separator in name for name in table.names):
            return f"{text} It seems to be separated by {word}: save it with commas."
    return f"{text}{suggest('path', table.names)} Name the column of picture paths 'path'."
