"""A release as it was read: which set it is, and the rows of every part."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dyml.data.official.layout import Part, checked_set, is_release, parts_of, recognise
from dyml.data.official.records import Records, read_records
from dyml.data.walk import walk
from dyml.errors import ManifestError
from dyml.taxonomy import dense_labels


@dataclass(frozen=True)
class Release:
    """A folder of one of the official sets.

    Attributes:
        root: the folder.
        name: vehicle, animal or product.
        records: by part name, the rows of the parts whose table can be read.
        faults: by part name, why the table of a part cannot be read.
    """

    root: Path
    name: str
    records: dict[str, Records]
    faults: dict[str, str]

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts that the set should have, training first."""
        return parts_of(self.name)

    @cached_property
    def missing(self) -> dict[str, list[str]]:
        """By part name, the pictures that its table names but its folder lacks, in the table's order."""
        return {name: found[0] for name, found in self._compared.items()}

    @cached_property
    def extra(self) -> dict[str, list[str]]:
        """By part name, the pictures in its folder that its table does not name, sorted."""
        return {name: found[1] for name, found in self._compared.items()}

    @cached_property
    def _compared(self) -> dict[str, tuple[list[str], list[str]]]:
        return {
            part.name: _compare(self.root / part.folder, self.records[part.name].names)
            for part in self.parts
            if part.name in self.records
        }


def read_release(root: str | Path, name: str | None = None) -> Release:
    """Read the tables of a release; a table that cannot be read is kept as a fault.

    Args:
        root: the folder that holds `train` and the benchmark folders.
        name: vehicle, animal or product; None recognises it.

    Raises:
        ManifestError: the folder is none of the sets, or cannot be told.
    """
    root = Path(root)
    if name is not None:
        checked_set(name)
        if not is_release(root):
            recognise(root, None)
    records: dict[str, Records] = {}
    faults: dict[str, str] = {}
    train = parts_of("animal")[0]
    _read_part(root, train, records, faults)
    if name is None:
        fine = dense_labels(records[train.name].labels)[:, 0].max() + 1 if records else None
        name = recognise(root, None if fine is None else int(fine))
    for part in parts_of(name)[1:]:
        _read_part(root, part, records, faults)
    return Release(root, name, records, faults)


def _read_part(root: Path, part: Part, records: dict[str, Records], faults: dict[str, str]) -> None:
    try:
        records[part.name] = read_records(root / part.table, part.scales)
    except ManifestError as error:
        faults[part.name] = str(error)


def _compare(folder: Path, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the names that have no file, and the pictures that have no name."""
    there = {"/".join(picture) for picture in walk(folder).pictures} if folder.is_dir() else set()
    named = set(names)
    # A name may have an ending that is no picture's, so what the walk passed over is looked for.
    lacking = named - there
    missing = [name for name in dict.fromkeys(names) if name in lacking and not (folder / name).is_file()]
    return missing, sorted(there - named)
