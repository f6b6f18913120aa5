"""Vectors made elsewhere, from an .npz file: `vectors`, perhaps `ids`, and the classes at each scale."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dyml.errors import InputError, shortened, suggest

VECTORS, IDS = ("vectors", "embeddings", "embedding"), ("ids", "id", "paths", "path")


@dataclass(frozen=True, eq=False)
class VectorsFile:
    """What a file holds: N ids, vectors (N, D), and N class names for each scale, fine to coarse."""

    ids: list[str]
    vectors: Any
    labels: dict[str, list[str]]


def read_vectors(file: Path, scales: Sequence[str] | None) -> VectorsFile:
    """Read vectors with their ids and classes; nothing is unpickled.

    Args:
        file: `.npz` with an array `vectors` (N, D); `ids` (N,), by default row0, row1, …; others (N,) are
            classes.
        scales: the arrays of classes, fine to coarse; None: all, by their number of classes.

    Raises:
        InputError: it cannot be read, or its arrays do not fit together.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such file. Correct the path.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be read as .npz: {str(error).splitlines()[0]}") from error
    vectors = _first(arrays, VECTORS)
    if vectors is None:
        raise InputError(f"{file}: has no array 'vectors'; it has {shortened(map(repr, arrays), 8)}")
    ids = _first(arrays, IDS)
    if vectors.ndim != 2:
        raise InputError(f"{file}: vectors must be (N, D); got {vectors.shape}")
    for name, column in {"ids": ids, **arrays}.items():
        if column is not None and column.shape != (len(vectors),):
            raise InputError(f"{file}: array {name!r} must be ({len(vectors)},); got {column.shape}")
    names = [f"row{i}" for i in range(len(vectors))] if ids is None else [str(name) for name in ids.tolist()]
    columns = {name: [str(value) for value in column.tolist()] for name, column in arrays.items()}
    if scales is None:
        scales = sorted(columns, key=lambda name: -len(set(columns[name])))
    for scale in scales:
        if scale not in columns:
            raise InputError(f"{file}: has no array of classes {scale!r}.{suggest(scale, columns)}")
    return VectorsFile(names, vectors, {scale: columns[scale] for scale in scales})


def _first(arrays: dict[str, Any], names: Sequence[str]) -> Any:
    """Take the first of some names out of the arrays."""
    for name in names:
        if name in arrays:
            return arrays.pop(name)
    return None
