"""Making the folder of a new gallery."""

from collections.abc import Sequence
from pathlib import Path

from dyml.errors import InputError, RunError
from dyml.index.lance_engine import LOCK, ROWS
from dyml.index.locks import writer_lock
from dyml.index.rows import Rows
from dyml.index.settings import NAME, Settings, write_settings
from dyml.taxonomy.checks import checked_scales

MOST_DIM = 65_536
OURS = {ROWS, LOCK, "index", "map.npz"}


def make_folder(folder: Path, settings: Settings, lock_timeout: float) -> None:
    """Make an empty gallery. What an earlier try that was stopped left behind is replaced.

    Raises:
        RunError: there is a gallery, or something else, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    except OSError as error:
        raise RunError(f"cannot make the gallery {folder}: {error.strerror or error}") from error
    if NAME in there:
        raise RunError(f"there is a gallery in {folder} already: open it, or choose another folder")
    if there - OURS:
        raise RunError(
            f"{folder} is not empty and no gallery (it holds {sorted(there - OURS)[0]}): choose another "
            f"folder"
        )
    with writer_lock(folder / LOCK, lock_timeout):
        if (folder / NAME).exists():
            raise RunError(f"there is a gallery in {folder} already: open it, or choose another folder")
        Rows(folder / ROWS, settings.dim, len(settings.scales), create=True)
        write_settings(folder, settings)


def checked_shape(dim: object, scales: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return the length of vectors and the scales of a new gallery.

    Raises:
        InputError: no whole number from 1 on, or a scale named as what every item has.
        TaxonomyError: scales are not distinct names.
    """
    if isinstance(dim, bool) or not isinstance(dim, int) or not 1 <= dim <= MOST_DIM:
        raise InputError(f"dim must be a whole number from 1 to {MOST_DIM:,}; got {dim!r}")
    names = checked_scales(scales)
    if "id" in names:
        raise InputError("a scale may not be named 'id': filters use it for the items' ids")
    return dim, names
