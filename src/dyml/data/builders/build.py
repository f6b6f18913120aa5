"""From a source to a manifest: scales chosen, thin classes out, split open-set, written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from dyml.data.builders.scales import Chosen, choose_scales
from dyml.data.builders.source import Source, without_missing
from dyml.data.builders.thinning import thinned
from dyml.data.check import shared_classes
from dyml.data.columns import NOT_SCALES, checked_paths
from dyml.data.manifest import Manifest, tree_of, write_manifest
from dyml.data.split import open_set_split
from dyml.data.table import Table, encode
from dyml.errors import ManifestError, shortened


@dataclass(frozen=True)
class Built:
    """A manifest as it was written, and what a person should know of it, one sentence each."""

    file: Path
    manifest: Manifest
    notes: tuple[str, ...]


def build_manifest(
    source: Source,
    target: str | Path,
    *,
    scales: Sequence[str] | None = None,
    count: int = 3,
    least: int = 2,
    most: int | None = None,
    new_split: bool = False,
    test_share: float = 0.4,
    val_share: float = 0.0,
    seed: int = 0,
    force: bool = False,
) -> Built:
    """Write the manifest of a source.

    Args:
        source: what a builder read.
        target: the manifest, `.csv` or `.parquet`. Its paths are relative to its folder where that is the
            source's or above it; else to the source's.
        scales, count: as for `choose_scales`.
        least, most: as for `thinned`.
        new_split: make a split even where the source has one.
        test_share, val_share, seed: as for `open_set_split`.
        force: write over a file that is there.

    Raises:
        ManifestError: the file is there already, the source's own split is not open-set at these scales, or
            nothing is left to write.
    """
    target = Path(target)
    if target.exists() and not force:
        raise ManifestError(f"{target} is there already; --force writes over it")
    source, missing = without_missing(source)
    chosen = choose_scales(source, scales, count)
    wrong = [scale for scale in chosen.scales if scale in NOT_SCALES]
    if wrong:
        raise ManifestError(
            f"a scale cannot be named {wrong[0]!r}: manifests use that word. Rename the column."
        )
    rows = thinned(chosen.columns[chosen.scales[0]], chosen.source.paths, least, most, seed)
    kept = chosen.source.keep(rows)
    columns = {scale: [values[row] for row in rows] for scale, values in chosen.columns.items()}
    manifest = _manifest(kept, columns, target)
    own = kept.split is not None and not new_split
    if own:
        _refuse_shared(manifest)
    else:
        sides = open_set_split(manifest.taxonomy, test_share, val_share, seed)
        split = np.array(sides, dtype=object)[manifest.labels[:, 0]].tolist()
        manifest = Manifest(manifest.root, manifest.paths, manifest.labels, split, manifest.taxonomy)
    write_manifest({"path": manifest.paths, **columns, "split": manifest.split or []}, target)

    limits = f"fewer than {least}" + (f" or more than {most}" if most else "")
    thin = len(chosen.source) - len(rows)
    notes = [
        *_notes(missing, chosen),
        *[f"{thin:,} pictures of classes with {limits} pictures are left out"] * bool(thin),
        "the split is the source's own" if own else f"split by fine class, seed {seed}",
        *_where(manifest, target),
    ]
    return Built(target, manifest, tuple(notes))


def _notes(missing: list[str], chosen: Chosen) -> list[str]:
    notes = []
    if missing:
        notes.append(f"{len(missing):,} pictures are not on disk and left out: {shortened(missing, 3)}")
    if chosen.left_out:
        notes.append(f"{chosen.left_out:,} pictures without a {chosen.scales[0]} are left out")
    for scale, number in chosen.filled.items():
        notes.append(f"{scale}: missing for {number:,} classes, filled by what lies below")
    for scale, number in chosen.renamed.items():
        notes.append(f"{scale}: {number:,} classes carry their parent's name, since others have the same")
    return notes


def _where(manifest: Manifest, target: Path) -> list[str]:
    if manifest.root.resolve() == target.parent.resolve():
        return []
    return [
        f"paths are relative to {manifest.root}: name it where the manifest is read (--root, or to train "
        f"--data.root {manifest.root} --data.manifest {target.resolve()})"
    ]


def _manifest(source: Source, columns: dict[str, list[str]], target: Path) -> Manifest:
    root, prefix = source.root, ""
    folder, pictures = Path(os.path.abspath(target.parent)), Path(os.path.abspath(source.root))
    if pictures.is_relative_to(folder):
        root, prefix = target.parent, "".join(f"{part}/" for part in pictures.relative_to(folder).parts)
    paths = [prefix + path for path in source.paths]
    checked_paths(Table(source.root, pa.table({"path": pa.array(paths, pa.large_string())})))
    coded = [encode(pa.array(values, pa.large_string())) for values in columns.values()]
    labels = np.stack([codes for _, codes in coded], axis=1)
    taxonomy = tree_of(labels, list(columns), [names for names, _ in coded])
    return Manifest(root, paths, labels, source.split, taxonomy)


def _refuse_shared(manifest: Manifest) -> None:
    shared = shared_classes(manifest)
    if shared:
        raise ManifestError(
            f"the source's own split is not open-set: {len(shared):,} classes of scale {manifest.scales[0]} "
            f"are in train and in another split: {shortened(shared)}. --new-split makes one that is."
        )
