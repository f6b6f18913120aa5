"""The border of the metrics: inputs are checked here once, with errors that name the argument and row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dyml.errors import InputError
from dyml.taxonomy import check_nesting, dense_labels

Ints = NDArray[np.int64]
Table = Tensor | NDArray[Any]

RESERVED = ("overall", "multi", "protocol")
DTYPES = ("float16", "bfloat16", "float32", "float64", "int8")


def checked_scales(scales: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the scales, fine to coarse, after checking that they can head a result's rows."""
    if isinstance(scales, str):
        raise InputError(f"scales must be a list of names, fine to coarse, not the text {scales!r}")
    names = tuple(str(scale) for scale in scales)
    if not names or len(set(names)) != len(names) or not all(name.strip() for name in names):
        raise InputError(f"scales must be one or more distinct names, fine to coarse; got {list(names)}")
    taken = [name for name in names if name in RESERVED]
    if taken:
        raise InputError(f"a scale cannot be named {taken[0]!r}: results use that word. Rename the scale.")
    return names


def checked_ks(ks: Sequence[int]) -> tuple[int, ...]:
    """Return the k of CMC@k, ascending."""
    numbers = [ks] if isinstance(ks, (int, np.integer)) else list(ks)
    if not all(isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= 1 for k in numbers):
        raise InputError(f"ks must be whole numbers from 1 up, such as (1, 5, 10); got {numbers}")
    return tuple(sorted({int(k) for k in numbers}))


def checked_embeddings(value: Any, name: str) -> Table:
    """Return a (N, D) table of numbers, as a detached tensor or a numpy array; nothing is copied.

    Args:
        value: numpy (memory-mapped, too), torch, or nested lists.
        name: what to call it in an error.

    Raises:
        InputError: not two axes, no rows or columns, or a dtype that is none of `DTYPES`.
    """
    table = value.detach() if isinstance(value, Tensor) else np.asanyarray(value)
    dtype = dtype_name(table)
    if table.ndim != 2:
        raise InputError(
            f"{name} must be (N, D), one row an embedding; got shape {tuple(table.shape)}."
            + (" One embedding is embedding[None]." if table.ndim == 1 else "")
        )
    if dtype not in DTYPES:
        raise InputError(f"{name} must be {', '.join(DTYPES)}; got {dtype}. Convert it to float32.")
    if table.shape[0] == 0:
        raise InputError(f"{name} is empty: there is nothing to measure")
    if table.shape[1] == 0:
        raise InputError(f"{name} has embeddings of length 0, shape {tuple(table.shape)}")
    return table


def checked_labels(
    value: Any, name: str, rows: int, scales: tuple[str, ...], distractors: bool = False
) -> Ints:
    """Return a label table (N, L) int64; one scale's labels may also come as (N,).

    Args:
        value: integers, numpy or torch or nested lists.
        name: what to call it in an error.
        rows: N, the number of embeddings.
        scales: the names of the columns.
        distractors: −1 stands for no class at that scale, nor at any finer one.

    Raises:
        InputError: another shape, not integers, negative, or past int64.
    """
    table = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if len(scales) == 1 and table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or table.shape[1] != len(scales):
        raise InputError(
            f"{name} must be (N, {len(scales)}), one column for each of {', '.join(scales)}; "
            f"got shape {table.shape}"
        )
    if len(table) != rows:
        raise InputError(
            f"{name} has {len(table):,} rows but there are {rows:,} embeddings: one row of labels for each"
        )
    if not np.issubdtype(table.dtype, np.integer):
        raise InputError(
            f"{name} must be integers; got {table.dtype}. Floating-point ids above 2**24 merge classes: "
            f"keep labels as int64."
        )
    if table.dtype == np.uint64 and table.max() > np.iinfo(np.int64).max:
        raise InputError(f"{name} must fit int64; dyml.taxonomy.dense_labels numbers them from 0")
    table = table.astype(np.int64)
    least = -1 if distractors else 0
    if table.min() < least:
        row = int(np.argwhere(table < least)[0, 0])
        raise InputError(
            f"{name} must not be negative; row {row} is {table[row].tolist()}. Leave pictures of no known "
            f"class out, or, for distractors of the gallery, label them -1 and say distractors=True."
        )
    if distractors:
        torn = np.argwhere((table[:, 1:] < 0) & (table[:, :-1] >= 0))
        if len(torn):
            row, column = torn[0].tolist()
            raise InputError(
                f"{name}: row {row} is {table[row].tolist()}: of no {scales[column + 1]} but of a "
                f"{scales[column]}. Where a scale is -1, every finer one must be, too."
            )
    return table


def joint_codes(query: Ints, gallery: Ints | None, scales: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Number the classes of query and gallery together from 0, after checking that they form one tree.

    Args:
        query: (Q, L) class ids; every −1 becomes a class of its own, which nothing else is of.
        gallery: (N, L) class ids, likewise, or None where the queries are the gallery.
        scales: the names of the columns, fine to coarse.

    Returns:
        (Q, L) and (N, L) int64.

    Raises:
        TaxonomyError: a class lies in two classes of the next coarser scale.
    """
    both = query if gallery is None else np.concatenate([query, gallery])
    nameless = both < 0
    if nameless.any():
        both = both.copy()
        both[nameless] = -1 - np.arange(nameless.sum())
    if len(scales) > 1:
        check_nesting(np.unique(both, axis=0), scales)
    codes = dense_labels(both)
    return (codes, codes) if gallery is None else (codes[: len(query)], codes[len(query) :])


def dtype_name(table: Table) -> str:
    """Name the dtype alike for numpy and torch."""
    return str(table.dtype).removeprefix("torch.") if isinstance(table, Tensor) else table.dtype.name


def compute_dtype(*tables: Table | None) -> torch.dtype:
    """float64 where any table is, float32 otherwise."""
    wide = any(table is not None and dtype_name(table) == "float64" for table in tables)
    return torch.float64 if wide else torch.float32


def check_pair(query: Table, gallery: Table | None) -> None:
    """Check that queries can be compared with the gallery, or with each other where there is none."""
    if gallery is None:
        if len(query) == 1:
            raise InputError("leave-one-out needs two embeddings or more; got one. Give a gallery as well.")
        return
    if query.shape[1] != gallery.shape[1]:
        raise InputError(
            f"query has embeddings of length {query.shape[1]} but gallery of length {gallery.shape[1]}: "
            f"both must come from one embedder"
        )
    devices = [
        table.device if isinstance(table, Tensor) else torch.device("cpu") for table in (query, gallery)
    ]
    if devices[0] != devices[1]:
        raise InputError(f"query is on {devices[0]} but gallery is on {devices[1]}: move both to one device")
