"""A table on disk (CSV or Parquet) as Arrow columns, with rows that can be named as an editor shows them.

A row number counts the header of a CSV as row 1, so it is what an editor or a spreadsheet shows. Parquet has
no header, so there the first row is row 1.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dyml.errors import ManifestError, shortened
from dyml.files import atomic_path

# Written by pandas beside the columns when an index is kept; it is never the user's own.
_PANDAS_INDEX = "__index_level_"
_BOM = b"\xef\xbb\xbf"
_PATH = "path"  # hardly repeats, so a dictionary would only cost
_BLOCK = 2**20


@dataclass(frozen=True)
class Table:
    """The columns of one file, and how to speak of its rows.

    Attributes:
        file: where it was read from.
        columns: the Arrow table; all columns of a CSV are text.
    """

    file: Path
    columns: pa.Table

    @property
    def names(self) -> list[str]:
        """Column names in the order of the file."""
        return list(self.columns.column_names)

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def without(self, name: str) -> "Table":
        """Return the table without one column."""
        return Table(self.file, self.columns.drop_columns([name]))

    def text(self, name: str) -> pa.Array:
        """Return a column as one Arrow array of text; integers become their decimal text.

        Raises:
            ManifestError: the column holds neither text nor integers.
        """
        kind = self.columns.schema.field(name).type
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (_is_text(inner) or pa.types.is_integer(inner) or pa.types.is_null(inner)):
            raise ManifestError(
                f"{self.file}: column {name!r} holds {inner} values; it must hold text or integers. "
                f"Convert it, or name the columns that are scales (--scales fine,middle,coarse)."
            )
        column = self.columns.column(name)
        if pa.types.is_dictionary(kind):
            column = column.cast(inner)
        return column.cast(pa.large_string()).combine_chunks()

    def coded(self, name: str) -> tuple[list[str], np.ndarray]:
        """Return the distinct values of a column, sorted, and each row's position in them, as `encode` does.

        Columns that were read as dictionaries are numbered without making their text.
        """
        column = self.columns.column(name)
        if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
            return encode(self.text(name))
        column = column.unify_dictionaries().combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        names = ["" if value is None else value for value in column.dictionary.to_pylist()]
        codes = column.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
        return _sorted_names([*names, ""], codes)

    def rows(self, indices: Iterable[int], most: int = 5) -> str:
        """Name rows for a message: `row 7` or `rows 7, 9, 12 and 4 more`.

        Args:
            indices: 0-based positions in the table.
            most: how many are named before the rest is counted.
        """
        indices = list(indices)
        numbers = row_numbers(self.file, indices[:most]) + indices[most:]
        return f"row{'s' if len(indices) > 1 else ''} {shortened(numbers, most)}"


def row_numbers(file: Path, indices: Iterable[int]) -> list[int]:
    """Return the row numbers of 0-based positions in a table file, as an editor shows them."""
    if file.suffix.lower() != ".csv":
        return [int(index) + 1 for index in indices]
    indices = list(indices)
    if not indices:
        return []
    # Blank lines and quoted line breaks make a row's line differ from its position: only a reader knows.
    try:
        starts = [number for number, _ in _records(file.read_bytes().decode("utf-8-sig"))]
    except csv.Error:
        return [int(index) + 2 for index in indices]
    return [starts[int(index) + 1] for index in indices]


def read_table(file: Path, coded: bool = False) -> Table:
    """Read a `.csv` (UTF-8, comma) or `.parquet` file.

    Args:
        file: the table.
        coded: read columns of text but `path` as dictionaries, which takes little memory where few values
            repeat; `Table.coded` numbers them.

    Raises:
        ManifestError: the file is missing, empty, not UTF-8, of another kind, or its rows differ in length.
    """
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        if not file.exists():
            raise ManifestError(f"{file}: no such file or folder. Correct the path.")
        raise ManifestError(f"{file}: a manifest is a .csv or a .parquet file, and its name must end so")
    try:
        columns = _read_csv(file, coded) if suffix == ".csv" else _read_parquet(file, coded)
    except FileNotFoundError as error:
        raise ManifestError(
            f"no manifest {file}. `dyml data scan FOLDER` makes one from nested folders."
        ) from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    pa.default_memory_pool().release_unused()  # what the reading threads had
    if columns.num_rows == 0:
        raise ManifestError(f"{file}: no rows below the header; a manifest needs one row a picture")
    return Table(file, columns)


def write_table(columns: pa.Table, target: Path) -> None:
    """Write columns as CSV or Parquet by the ending of `target`, atomically.

    Raises:
        ManifestError: another ending, or a nested column that CSV cannot hold.
        RunError: the folder cannot be written.
    """
    suffix = target.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise ManifestError(f"{target}: a manifest must end in .csv or .parquet")
    with atomic_path(target) as part:
        if suffix == ".parquet":
            pa.parquet.write_table(columns, part)
            return
        values = [_csv_values(columns, name, target) for name in columns.column_names]
        with part.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns.column_names)
            writer.writerows(zip(*values))


def _csv_values(columns: pa.Table, name: str, target: Path) -> list[object]:
    column = columns.column(name)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        raise ManifestError(
            f"{target}: CSV cannot hold column {name!r} of {column.type}; write .parquet instead"
        )
    values: list[object] = (
        column.to_numpy(zero_copy_only=False).tolist() if column.null_count == 0 else column.to_pylist()
    )
    return values


def _read_parquet(file: Path, coded: bool) -> pa.Table:
    try:
        schema = pa.parquet.read_schema(file) if coded else ()
        repeating = [field.name for field in schema if field.name != _PATH and _is_text(field.type)]
        columns = pa.parquet.ParquetFile(file, read_dictionary=repeating).read()
    except pa.ArrowException as error:
        raise ManifestError(f"{file}: not a Parquet file that can be read: {error}") from error
    return columns.select([name for name in columns.column_names if not name.startswith(_PANDAS_INDEX)])


def _read_csv(file: Path, coded: bool) -> pa.Table:
    with file.open("rb") as stream:
        head = stream.read(_BLOCK)
        quoted = b'"' in head or any(b'"' in part for part in iter(lambda: stream.read(_BLOCK), b""))
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ManifestError(f"{file}: is UTF-16; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')")
    header = _header(file, head)
    repeating = pa.dictionary(pa.int32(), pa.string())
    kinds = {name: repeating if coded and name != _PATH else pa.large_string() for name in header}
    try:
        return pa.csv.read_csv(
            str(file),
            read_options=pa.csv.ReadOptions(block_size=_BLOCK),
            # Without quotes no value can hold a line break, and blocks are then parsed in parallel.
            parse_options=pa.csv.ParseOptions(newlines_in_values=quoted),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise _explained(file, file.read_bytes(), header, error) from error


def _header(file: Path, data: bytes) -> list[str]:
    line = re.split(rb"[\r\n]", data.removeprefix(_BOM).lstrip(b"\r\n"), maxsplit=1)[0]
    try:
        first = next(csv.reader([line.decode()]), [])
    except UnicodeDecodeError as error:
        raise _not_utf8(file, data, data.index(line) + error.start) from error
    if not any(name.strip() for name in first):
        raise ManifestError(
            f"{file}: is empty; its first row must name the columns (path, the scales, split)"
        )
    padded = [name for name in first if name != name.strip()]
    if padded:
        raise ManifestError(
            f"{file}: row 1: blanks around column names: {shortened(map(repr, padded))}. Remove them."
        )
    twice = sorted({name for name in first if first.count(name) > 1})
    if twice:
        raise ManifestError(
            f"{file}: row 1: columns named twice: {shortened(map(repr, twice))}. Rename or remove one."
        )
    return first


def _explained(file: Path, data: bytes, header: list[str], error: Exception) -> ManifestError:
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as wrong:
        return _not_utf8(file, data, wrong.start)
    with suppress(csv.Error):
        for number, record in _records(text):
            if len(record) != len(header):
                return ManifestError(
                    f"{file}: row {number} has {len(record)} values, the header has {len(header)}. A value "
                    f'that holds a comma must stand in quotes ("a, b").'
                )
    return ManifestError(f"{file}: not a CSV file that can be read: {error}")


def _not_utf8(file: Path, data: bytes, place: int) -> ManifestError:
    row = len((data[:place] + b"x").splitlines())
    return ManifestError(
        f"{file}: row {row} is not UTF-8 (byte 0x{data[place]:02x}). Save the file as UTF-8: in a "
        f"spreadsheet choose 'CSV UTF-8'; or, if it is Latin-1, `iconv -f latin1 -t utf-8`."
    )


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield every record that is not an empty line, with the line that it starts on, from 1."""
    reader = csv.reader(io.StringIO(text, newline=""))
    before = 0
    for record in reader:
        if record:
            yield before + 1, record
        before = reader.line_num


def encode(text: pa.Array) -> tuple[list[str], np.ndarray]:
    """Number the distinct values of a text column in sorted order.

    Returns:
        The distinct values, sorted by code point; and (N,) int64, each row's position in them.

    >>> names, codes = encode(pa.array(["b", "a", "b"]))
    >>> names, codes.tolist()
    (['a', 'b'], [1, 0, 1])
    """
    encoded = text.fill_null("").dictionary_encode()
    return _sorted_names(encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False))


def _sorted_names(names: list[str], codes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Number values anew: those that occur, each once, in sorted order."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(names))).tolist()
    kept = sorted({names[i] for i in used})
    place = {name: number for number, name in enumerate(kept)}
    rank = np.zeros(len(names), dtype=np.int64)
    rank[used] = [place[names[i]] for i in used]
    return kept, rank[codes]


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))
