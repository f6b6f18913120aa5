"""Reading tables: encodings, broken rows, and how rows are named."""

from pathlib import Path

import pyarrow as pa
import pytest

from dyml.data.table import Table, read_table, row_numbers, write_table
from dyml.errors import ManifestError


def table_of(folder: Path, data: bytes, name: str = "t.csv") -> Table:
    (folder / name).write_bytes(data)
    return read_table(folder / name)


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert table_of(tmp_path, b"\xef\xbb\xbfpath,fine\na,b\n").names == ["path", "fine"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_are_read(tmp_path: Path, end: bytes) -> None:
    table = table_of(tmp_path, end.join([b"path,fine", b"a,x", b"b,y"]))
    assert table.names == ["path", "fine"]
    assert table.text("fine").to_pylist() == ["x", "y"]


def test_text_is_never_taken_for_something_else(tmp_path: Path) -> None:
    table = table_of(tmp_path, b"path,fine\na,NA\nb,007\nc,null\nd,true\ne,2020-01-01\n")
    assert table.text("fine").to_pylist() == ["NA", "007", "null", "true", "2020-01-01"]


def test_latin1_names_the_row_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(
        ManifestError, match=r"t.csv: row 3 is not UTF-8 \(byte 0xe9\). Save the file as UTF-8"
    ):
        table_of(tmp_path, "path,fine\na,x\nb,pur\xe9e\n".encode("latin1"))
    with pytest.raises(ManifestError, match="row 2 is not UTF-8"):
        table_of(tmp_path, "\ufeffpath,fine\n".encode() + b"\xe9\n")
    with pytest.raises(ManifestError, match="row 1 is not UTF-8"):
        table_of(tmp_path, "path,esp\xe8ce\na,x\n".encode("latin1"))


def test_utf16_is_recognised(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="is UTF-16; save it as UTF-8"):
        table_of(tmp_path, "path,fine\na,x\n".encode("utf-16"))


@pytest.mark.parametrize("data", [b"", b"\n\n", b"  \n"])
def test_an_empty_file_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ManifestError, match="is empty; its first row must name the columns"):
        table_of(tmp_path, data)


def test_a_value_too_long_for_the_row_counter_still_gets_a_message(tmp_path: Path) -> None:
    long = b"x" * 200_000
    with pytest.raises(ManifestError, match="not a CSV file that can be read"):
        table_of(tmp_path, b"path,fine\na," + long + b"\nb\n")
    table = table_of(tmp_path, b"path,fine\na," + long + b"\nb,y\n")
    assert table.rows([1]) == "row 3"


def test_a_header_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no rows below the header"):
        table_of(tmp_path, b"path,fine\n")


def test_unequal_rows_name_the_first_one(tmp_path: Path) -> None:
    with pytest.raises(
        ManifestError, match=r"row 3 has 3 values, the header has 2. A value that holds a comma"
    ):
        table_of(tmp_path, b"path,fine\na,x\nb,y,z\nc\n")


def test_headers_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"row 1: blanks around column names: ' fine'. Remove them"):
        table_of(tmp_path, b"path, fine\na,x\n")
    with pytest.raises(ManifestError, match="row 1: columns named twice: 'fine'"):
        table_of(tmp_path, b"path,fine,fine\na,x,y\n")


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a Parquet file that can be read"):
        table_of(tmp_path, b"path,fine\na,x\n", "t.parquet")


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(ManifestError, match=r"t.csv: cannot be read: Is a directory"):
        read_table(tmp_path / "t.csv")


def test_the_index_that_pandas_adds_is_left_out(tmp_path: Path) -> None:
    write_table(pa.table({"path": ["a"], "__index_level_0__": [0]}), tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").names == ["path"]


def test_rows_are_shortened_but_all_counted(tmp_path: Path) -> None:
    table = table_of(tmp_path, b"path\na\nb\nc\nd\n")
    assert table.rows([2]) == "row 4"
    assert table.rows(range(4), most=2) == "rows 2, 3 and 2 more"


def test_row_numbers_pass_over_blank_and_broken_lines(tmp_path: Path) -> None:
    table = table_of(tmp_path, b'path,note\n\na,"x\ny"\n\nb,z\n')
    assert len(table) == 2
    assert row_numbers(table.file, [0, 1]) == [3, 6]


def test_csv_refuses_nested_columns(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"CSV cannot hold column 'box' of list<.*write .parquet"):
        write_table(pa.table({"path": ["a"], "box": [[1, 2]]}), tmp_path / "t.csv")


def test_quotes_are_written_only_where_needed(tmp_path: Path) -> None:
    write_table(pa.table({"path": ["a", 'b,"c'], "fine": ["x", None]}), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == 'path,fine\na,x\n"b,""c",\n'
