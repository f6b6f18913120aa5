"""Values of every query, in a compact file beside a saved result; nothing in it is ever unpickled."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.errors import InputError
from dyml.files import atomic_path
from dyml.metrics.measures import PerQuery

ENDING = ".queries.npz"


def values_path(path: str | Path) -> Path:
    """Return where the values of the result at `path` lie: result.json -> result.queries.npz."""
    return Path(path).with_suffix(ENDING)


def write_values(path: str | Path, per_query: PerQuery, classes: NDArray[np.int64] | None) -> None:
    """Write the values of every query beside the result at `path`, atomically.

    Args:
        path: the result's JSON.
        per_query: by scale and measure.
        classes: (Q, L) int64, the queries' labels, or None.
    """
    layout = [[part, list(columns)] for part, columns in per_query.items()]
    arrays: dict[str, NDArray[Any]] = {
        str(i): np.stack(list(columns.values()), 1) for i, columns in enumerate(per_query.values())
    }
    if classes is not None:
        arrays["classes"] = classes
    with atomic_path(values_path(path)) as part, part.open("wb") as file:
        np.savez_compressed(file, layout=np.array(json.dumps(layout)), **arrays)  # type: ignore[arg-type]


def read_values(path: str | Path) -> tuple[dict[str, dict[str, NDArray[np.float64]]], Any] | None:
    """Read what `write_values` wrote: the values, and the classes or None; None where there is no file.

    Raises:
        InputError: the file is damaged, or not of that form.
    """
    target = values_path(path)
    if not target.is_file():
        return None
    try:
        with np.load(target, allow_pickle=False) as stored:
            layout = json.loads(str(stored["layout"]))
            values = {
                part: dict(zip(names, np.asarray(stored[str(i)], np.float64).T, strict=True))
                for i, (part, names) in enumerate(layout)
            }
            return values, stored.get("classes")
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{target} does not hold the values of every query ({error}): remove it, or evaluate again"
        ) from error
