"""Checks of a manifest's columns: every complaint names the file, the rows and the mend."""

import posixpath
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dyml.data.table import Table
from dyml.data.text_column import TextColumn
from dyml.data.text_hash import repeated
from dyml.errors import ManifestError, shortened, suggest

Ints = NDArray[np.int64]
NOT_SCALES = ("path", "split")
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
# What must be looked at one by one: absolute, dots, doubled or backward slashes, NUL, drives and URLs.
_ODD = r"^/|//|\\|\x00|(^|/)\.\.?(/|$)|^[A-Za-z]:"


def chosen_scales(table: Table, scales: Sequence[str] | None) -> list[str]:
    """Return the label columns: the given ones, or every column but `path` and `split`, in the file's order.

    Raises:
        ManifestError: a given one is not there, or there is none.
    """
    others = [name for name in table.names if name not in NOT_SCALES]
    if scales is None:
        if not others:
            raise ManifestError(
                f"{table.file}: no label column; add one for each scale (such as fine, coarse)"
            )
        if "" in others:
            raise ManifestError(
                f"{table.file}: column {table.names.index('') + 1} has no name. Remove it (pandas: "
                f"to_csv(index=False)) or name the scales, fine to coarse (such as --scales fine,coarse)."
            )
        return others
    if isinstance(scales, str) or not scales or len(set(scales)) != len(scales):
        raise ManifestError(
            f"scales must be one or more distinct column names, fine to coarse; got {scales!r}"
        )
    for scale in scales:
        if scale not in others:
            raise ManifestError(
                f"{table.file}: no label column {scale!r}; it has "
                f"{shortened(map(repr, others), 10) or 'none'}.{suggest(scale, others)}"
            )
    return list(scales)


def checked_labels(table: Table, name: str) -> tuple[list[str], Ints]:
    """Return the class names of a column, sorted, and each row's position in them: (N,) int64.

    Raises:
        ManifestError: a label is blank or has blanks around it.
    """
    names, codes = table.coded(name)
    _refuse_blanks(table, name, names, codes)
    return names, codes


def checked_split(table: Table) -> TextColumn | None:
    """Return each row's split name, or None where there is no split column.

    Raises:
        ManifestError: a split name is blank or has blanks around it.
    """
    if "split" not in table.names:
        return None
    names, codes = table.coded("split")
    _refuse_blanks(table, "split", names, codes)
    return TextColumn.coded(names, codes)


def checked_paths(table: Table) -> TextColumn:
    """Return the paths as they stand in the file.

    Raises:
        ManifestError: a path is blank, absolute, leaves the folder, has backslashes, or comes twice.
    """
    text = table.text("path")
    if text.null_count:  # without this, Arrow copies them all
        text = text.fill_null("")
    blank = np.flatnonzero(pc.equal(pc.binary_length(text), 0).to_numpy(zero_copy_only=False))
    if len(blank):
        raise ManifestError(
            f"{table.file}: {table.rows(blank)}: the path is blank. Fill it in or remove the row."
        )
    odd = pc.match_substring_regex(text, _ODD)
    plain = text
    if pc.any(odd).as_py():
        changed = []
        for index in np.flatnonzero(odd.to_numpy(zero_copy_only=False)).tolist():
            path = text[index].as_py()
            reason = _refusal(path)
            if reason:
                raise ManifestError(f"{table.file}: {table.rows([index])}: path {path!r} {reason}")
            changed.append(posixpath.normpath(path))
        plain = pc.replace_with_mask(text, odd, pa.array(changed, pa.large_string()))
    suspects = repeated(plain)
    if len(suspects):
        twice = _repeated(table, suspects.tolist(), plain.take(pa.array(suspects)).to_pylist())
        if twice:
            raise ManifestError(twice)
    return TextColumn(text)


def nesting_rows(labels: Ints) -> list[int]:
    """Return two rows that put one class under two parents, or an empty list where all classes nest.

    Args:
        labels: (N, L) integers, ids 0 … C-1 at every scale.
    """
    for child, parent in zip(labels.T, labels.T[1:]):
        first = np.full(child.max() + 1, -1, dtype=np.int64)
        rows = np.arange(len(child) - 1, -1, -1)
        first[child[rows]] = rows  # later writes win: the first row of each class
        wrong = np.flatnonzero(parent != parent[first[child]])
        if len(wrong):
            # The taxonomy's message starts with the smallest class, so these are rows of that one.
            row = wrong[np.argmin(child[wrong])]
            return [int(first[child[row]]), int(row)]
    return []


def _refuse_blanks(table: Table, column: str, names: list[str], codes: Ints) -> None:
    padded = [place for place, name in enumerate(names) if not name or name != name.strip()]
    if not padded:
        return
    rows = np.flatnonzero(np.isin(codes, padded))
    if not names[padded[0]].strip():
        blank = [place for place in padded if not names[place].strip()]
        rows = np.flatnonzero(np.isin(codes, blank))
        raise ManifestError(
            f"{table.file}: {table.rows(rows)}: {column} is blank. Fill it in or remove the rows."
        )
    shown = shortened(repr(names[place]) for place in padded)
    raise ManifestError(
        f"{table.file}: {table.rows(rows)}: blanks around {column}: {shown}. Remove the blanks."
    )


def _refusal(path: str) -> str:
    if _URL.match(path):
        return "is a web address; pictures are read from disk alone: fetch it and write its relative path."
    if "\x00" in path:
        return "holds a NUL character. Remove it."
    if path.startswith(("/", "\\\\")) or _DRIVE.match(path):
        return "is absolute; write it relative to the manifest's folder, so that the folder can be moved."
    if "\\" in path:
        return f"has backslashes; write {path.replace(chr(92), '/')!r}."
    if posixpath.normpath(path).split("/")[0] == "..":
        return "leaves the manifest's folder; move the picture inside, or the manifest to a folder above."
    if posixpath.normpath(path) == ".":
        return "is the manifest's folder, not a picture."
    return ""


def _repeated(table: Table, places: list[int], plain: list[str]) -> str:
    """Return the complaint about paths that come more than once; an empty text where none does."""
    where: dict[str, list[int]] = {}
    for place, path in zip(places, plain):
        where.setdefault(path, []).append(place)
    twice = {path: rows for path, rows in where.items() if len(rows) > 1}
    if not twice:
        return ""
    cases = "; ".join(f"{path!r} in {table.rows(rows)}" for path, rows in list(twice.items())[:3])
    more = f"; and {len(twice) - 3:,} more paths" if len(twice) > 3 else ""
    return f"{table.file}: paths come more than once: {cases}{more}. Keep one row a picture."
