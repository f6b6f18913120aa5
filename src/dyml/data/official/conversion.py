"""Write the manifests of a release; no picture is copied."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dyml.data.channels import ChannelOrder, checked_order
from dyml.data.manifest import write_manifest
from dyml.data.official.layout import SETS
from dyml.data.official.release import Release
from dyml.data.official.sheet import write_sheet
from dyml.data.official.sizes import PUBLISHED
from dyml.data.official.tables import TRAIN_MANIFEST, manifest_of, manifest_tables
from dyml.errors import ManifestError, RunError, shortened
from dyml.files import write_json

MARKER, SHEET = "official.json", "samples.png"


@dataclass(frozen=True)
class Converted:
    """What a folder of manifests holds: the contents of its `official.json`.

    Attributes:
        name: vehicle, animal or product.
        root: the folder that the paths of the manifests are relative to.
        channels: the order of the colour channels that was chosen.
        manifests: by file name, the number of rows.
    """

    name: str
    root: Path
    channels: ChannelOrder
    manifests: dict[str, int]


def convert(
    release: Release,
    out: str | Path | None = None,
    channels: str = "stored",
    force: bool = False,
    skip_missing: bool = False,
) -> Converted:
    """Write the manifests of a release, a sheet of samples and, last, `official.json`.

    Paths stay relative to the release, whose folder `official.json` records.

    Args:
        release: what was read.
        out: the folder to write to; None is the release's own.
        channels: stored or swapped; recorded, for whoever reads the pictures.
        force: write over files that are there.
        skip_missing: write in spite of tables that cannot be read, and leave out rows without a picture.

    Raises:
        ManifestError: a table cannot be read, or files are there already.
        RunError: the folder cannot be written.
    """
    order = checked_order(channels)
    if release.faults and not skip_missing:
        raise ManifestError(" ".join(release.faults.values()))
    folder = release.root if out is None else Path(out)
    tables = manifest_tables(release, skip_missing)
    there = [name for name in (*tables, SHEET, MARKER) if (folder / name).exists()]
    if there and not force:
        raise ManifestError(
            f"{folder} has {shortened(there)} already; --force writes over, --out names another folder"
        )
    _remove(folder / MARKER)  # without it a folder half written is not taken for a whole one
    for name, columns in tables.items():
        write_manifest(columns, folder / name)
    if TRAIN_MANIFEST in tables:
        write_sheet(manifest_of(release.root, tables[TRAIN_MANIFEST]), folder / SHEET)
    converted = Converted(
        release.name, release.root, order, {name: len(table["path"]) for name, table in tables.items()}
    )
    inside = folder.resolve() == release.root.resolve()
    write_json(
        folder / MARKER,
        {
            "set": release.name,
            "title": PUBLISHED[release.name].title,
            "root": "." if inside else str(release.root.resolve()),
            "channels": order,
            "manifests": converted.manifests,
        },
    )
    return converted


def read_converted(folder: str | Path) -> Converted:
    """Read the `official.json` of a folder of manifests.

    Raises:
        ManifestError: it is missing, or not what `convert` writes.
    """
    file = Path(folder) / MARKER
    try:
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        name, root, channels = value["set"], value["root"], value["channels"]
        manifests = {str(name): int(rows) for name, rows in value["manifests"].items()}
        if name not in SETS:
            raise ValueError(f"no set {name!r}")
        return Converted(name, file.parent / root, checked_order(channels), manifests)
    except FileNotFoundError as error:
        raise ManifestError(f"no {file}. `dyml data official ROOT` writes it.") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ManifestError(
            f"{file}: not as `dyml data official` writes it ({type(error).__name__}: {error}). Write it "
            f"again with --force."
        ) from error


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"cannot write {file}: {error.strerror or error}. --out names another folder."
        ) from error
