"""Any CSV, JSON, JSON lines or Parquet table with a column of paths and columns for scales."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from dyml.data.builders.source import Source, source_of
from dyml.data.table import Table, read_table
from dyml.errors import ManifestError, shortened, suggest

_PATH_NAMES = ("path", "file_name", "filename", "fname", "image", "file", "image_path", "img")
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


def read_tabular(
    file: str | Path,
    levels: Sequence[str],
    path_column: str | None = None,
    split_column: str | None = None,
    root: str | Path | None = None,
) -> Source:
    """Read a table of pictures.

    Args:
        file: `.csv`, `.parquet`, `.json` (a list of objects) or `.jsonl` (an object a line).
        levels: the columns of classes, fine to coarse. Values are text or whole numbers; blank where a branch
            lacks the level.
        path_column: the column of paths; None takes the only one with a usual name (path, file_name, …).
        split_column: a column of splits (train, val, test); None if there is none.
        root: the folder that paths are relative to; None is the table's own.

    Raises:
        ManifestError: the table cannot be read, or lacks a column.
    """
    file = Path(file)
    table = _read_json(file) if file.suffix.lower() in JSON_ENDINGS else read_table(file)
    if not levels:
        raise ManifestError(
            f"{file}: name the columns of classes, fine to coarse (--scales); it has "
            f"{shortened(map(repr, table.names), 10)}"
        )
    path_column = _path_column(table) if path_column is None else path_column
    columns = [_column(table, name) for name in levels]
    paths = [path.strip().replace("\\", "/").removeprefix("./") for path in _column(table, path_column)]
    blank = [row for row, path in enumerate(paths) if not path]
    if blank:
        raise ManifestError(
            f"{file}: {table.rows(blank)}: {path_column} is blank. Fill it in or remove the row."
        )
    split = None if split_column is None else [name.strip() for name in _column(table, split_column)]
    blank = [row for row, name in enumerate(split or []) if not name]
    if blank:
        raise ManifestError(f"{file}: {table.rows(blank)}: {split_column} is blank. Fill it in.")
    return source_of(
        file.parent if root is None else Path(root), paths, list(zip(*columns)), tuple(levels), split
    )


def _column(table: Table, name: str) -> list[str]:
    if name not in table.names:
        raise ManifestError(
            f"{table.file}: no column {name!r}; it has {shortened(map(repr, table.names), 10)}."
            f"{suggest(name, table.names)}"
        )
    values: list[str] = table.text(name).fill_null("").to_pylist()
    return values


def _path_column(table: Table) -> str:
    found = [name for name in table.names if name.lower() in _PATH_NAMES]
    if len(found) == 1:
        return found[0]
    what = f"several could be ({', '.join(found)})" if found else "none has a usual name"
    raise ManifestError(
        f"{table.file}: which column holds the paths? {what}; name it with --path-column. It has "
        f"{shortened(map(repr, table.names), 10)}"
    )


def _read_json(file: Path) -> Table:
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".json":
            rows: Any = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except FileNotFoundError as error:
        raise ManifestError(f"no table {file}") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ManifestError(f"{file}: not JSON: {error}") from error
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ManifestError(
            f"{file}: must hold a list of objects, one a picture; for other forms, see the builders"
        )
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return Table(file, pa.table({name: _texts(values) for name, values in columns.items()}))


def _texts(values: list[Any]) -> pa.Array:
    """Return text; whatever else is nested stays away from the columns that can be chosen."""
    texts = [None if value is None or isinstance(value, (dict, list)) else str(value) for value in values]
    return pa.array(texts, pa.large_string())
