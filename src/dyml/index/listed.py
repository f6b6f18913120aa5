"""Pictures to index: a folder, paths in it, and their classes, as a manifest or plain folders give them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dyml.data.manifest import FILE_NAMES, Manifest, read_manifest, tree_of
from dyml.data.scan import scan_folder
from dyml.data.walk import walk
from dyml.errors import DymlError, ManifestError
from dyml.index.items import Labels
from dyml.taxonomy import dense_labels


@dataclass(frozen=True, eq=False)
class Listed:
    """Pictures that are to be embedded.

    Attributes:
        root: the folder.
        paths: relative to it, with `/`.
        manifest: of the same rows, or None where there are no classes.
    """

    root: Path
    paths: Sequence[str]
    manifest: Manifest | None

    @property
    def scales(self) -> tuple[str, ...]:
        """Names, fine to coarse."""
        return () if self.manifest is None else self.manifest.scales

    def labels(self, row: int) -> Labels:
        """Return the classes of a picture by scale."""
        if self.manifest is None:
            return {}
        codes, tree = self.manifest.labels[row].tolist(), self.manifest.taxonomy
        return {scale: tree.name(m, code) for m, (scale, code) in enumerate(zip(tree.scales, codes))}


def of_manifest(manifest: Manifest) -> Listed:
    """Return the pictures of a manifest."""
    return Listed(manifest.root, manifest.paths, manifest)


def list_pictures(
    source: Path, scales: tuple[str, ...] | None = None, split: str | None = None
) -> tuple[Listed, str]:
    """List the pictures of a manifest, of nested class folders, or of a plain folder.

    Args:
        source: a manifest, a folder with one, or a folder of pictures.
        scales: names, fine to coarse; None: those of the manifest, or the usual ones.
        split: rows of a manifest; None: all.

    Returns:
        The pictures, and where their classes are from, for people.

    Raises:
        ManifestError: there is nothing to list, or no such split.
    """
    named = not source.is_dir() or any((source / name).is_file() for name in FILE_NAMES)
    if named:
        manifest = read_manifest(source, scales)
        return of_manifest(manifest if split in (None, "all") else manifest.only(str(split))), "the manifest"
    if split not in (None, "all"):
        raise ManifestError(f"{source} has no manifest, so there is no split {split!r}")
    try:
        return _of_folders(source, scales), "the folders' names"
    except DymlError as error:
        if scales is not None:
            raise
        paths = ["/".join(parts) for parts in walk(source).pictures]
        if not paths:
            raise
        return Listed(source, paths, None), f"nowhere: {error}"


def _of_folders(source: Path, scales: tuple[str, ...] | None) -> Listed:
    scan = scan_folder(source, scales)
    columns = [scan.columns[scale] for scale in scan.scales]
    names = [sorted(set(column)) for column in columns]
    labels = dense_labels(list(zip(*columns)))
    tree = tree_of(labels, scan.scales, names)
    return Listed(source, scan.columns["path"], Manifest(source, scan.columns["path"], labels, None, tree))
