"""From the rows of a release to the tables of manifests, and to manifests in memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from dyml.data.manifest import Manifest, tree_of
from dyml.data.official.layout import SCALES, Part
from dyml.data.official.nesting import class_names
from dyml.data.official.release import Release
from dyml.data.table import encode
from dyml.errors import ManifestError

Columns = dict[str, list[str]]
TRAIN_MANIFEST = "manifest.csv"
# Nobody says that the benchmark of Product numbers its classes as the training set does.
BENCHMARK_PREFIX = "bmk-"


def benchmark_manifest(scale: str) -> str:
    """Return the file name of the manifest of one scale's queries and gallery."""
    return f"bmk_{scale}.csv"


def manifest_tables(release: Release, skip_missing: bool = False) -> dict[str, Columns]:
    """Return the manifests of a release by file name, each as columns for `write_manifest`.

    `manifest.csv` has the training pictures, labelled at all scales. Product's benchmark, labelled at all
    scales too, is its split `test`. Each `bmk_<scale>.csv` of the others has the columns path, that scale and
    split, which is `query` or `gallery`.

    Args:
        release: the rows; parts that cannot be read are left out.
        skip_missing: leave out rows without a picture, and rows that name a picture again.

    Raises:
        ManifestError: nothing is left.
    """
    tables: dict[str, Columns] = {}
    for part in release.parts:
        if part.name not in release.records:
            continue
        file = TRAIN_MANIFEST if part.scales == SCALES else benchmark_manifest(part.scales[0])
        columns = _columns(release, part, skip_missing)
        if not columns["path"]:
            continue
        if file in tables:
            for name, values in columns.items():
                tables[file][name] += values
        else:
            tables[file] = columns
    if not tables:
        faults = " ".join(release.faults.values())
        raise ManifestError(
            f"{release.root}: no table can be read, or none of the pictures is there. {faults}"
        )
    return tables


def manifest_of(root: Path, columns: Mapping[str, Sequence[str]]) -> Manifest:
    """Return a manifest in memory, the same as if `columns` had been written and read again.

    Args:
        root: the folder of the paths.
        columns: `path`, the scales from fine to coarse, `split`.

    Raises:
        TaxonomyError: the labels do not nest.
    """
    scales = [name for name in columns if name not in ("path", "split")]
    coded = [encode(pa.array(columns[scale], pa.large_string())) for scale in scales]
    labels = np.stack([codes for _, codes in coded], axis=1)
    taxonomy = tree_of(labels, scales, [names for names, _ in coded])
    return Manifest(root, list(columns["path"]), labels, list(columns["split"]), taxonomy)


def _columns(release: Release, part: Part, skip_missing: bool) -> Columns:
    records = release.records[part.name]
    prefix = BENCHMARK_PREFIX if part.split == "test" else ""
    named = class_names(records.labels, prefix)
    rows = list(range(len(records)))
    if skip_missing:
        first = dict(zip(reversed(records.names), reversed(rows)))
        missing = set(release.missing[part.name])
        rows = [row for row in rows if records.names[row] not in missing and first[records.names[row]] == row]
    columns = {"path": [f"{part.folder}/{records.names[row]}" for row in rows]}
    columns |= {scale: [names[row] for row in rows] for scale, names in zip(part.scales, named)}
    return columns | {"split": [part.split] * len(rows)}
