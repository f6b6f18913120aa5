"""Read embeddings from .npy, .npz, .parquet and .safetensors files; nothing is unpickled."""

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dyml.errors import InputError, shortened
from dyml.metrics.inputs import Table, checked_embeddings

NAMES = ("embeddings", "embedding")


def read_embeddings(path: Path) -> Table:
    """Read a (N, D) table of embeddings; a .npy file is mapped into memory, not read.

    Where a file holds several arrays or columns of lists, the one named `embeddings` or `embedding` is taken.

    Raises:
        InputError: no such file, another kind, damaged, or not one table of numbers.
    """
    readers: dict[str, Callable[[Path], Any]] = {
        ".npy": lambda file: np.load(file, mmap_mode="r", allow_pickle=False),
        ".npz": _from_npz,
        ".parquet": _from_parquet,
        ".safetensors": _from_safetensors,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: embeddings are read from {', '.join(readers)} files; its name must end so")
    if not path.is_file():
        raise InputError(f"{path}: no such file. Correct the path.")
    try:
        value = reader(path)
    except InputError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as {path.suffix.lower()}: {reason}") from error
    return checked_embeddings(value, str(path))


def _the_one(path: Path, names: Sequence[str], what: str) -> str:
    """Choose the array to take by name, or the only one."""
    named = [name for name in NAMES if name in names]
    if named:
        return named[0]
    if len(names) == 1:
        return names[0]
    there = f"it holds {shortened(map(repr, names), 8)}" if names else "it holds none"
    raise InputError(f"{path}: which {what} are the embeddings? {there}; name one 'embeddings'")


def _from_npz(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as stored:
        return stored[_the_one(path, list(stored.files), "array")]


def _from_safetensors(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            return stored.get_tensor(_the_one(path, list(stored.keys()), "tensor"))
    except SafetensorError as error:
        raise InputError(f"{path}: cannot be read as .safetensors: {error}") from error


def _from_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = pa.types
    schema = pq.read_schema(path)
    lists = [
        field.name
        for field in schema
        if types.is_list(field.type)
        or types.is_large_list(field.type)
        or types.is_fixed_size_list(field.type)
    ]
    name = _the_one(path, lists, "column of lists")
    column = pq.read_table(path, columns=[name]).column(name).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if column.null_count:
        raise InputError(f"{path}: column {name!r} has no embedding in {column.null_count:,} rows")
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(lengths != lengths[:1])
    if len(odd):
        raise InputError(
            f"{path}: embeddings differ in length: row {odd[0] + 1} has {lengths[odd[0]]} numbers, row 1 "
            f"{lengths[0]}"
        )
    values = column.flatten()
    if values.null_count:
        raise InputError(f"{path}: column {name!r} has {values.null_count:,} numbers missing")
    return values.to_numpy(zero_copy_only=False).reshape(len(column), -1)
