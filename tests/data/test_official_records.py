"""The tables of the official sets: the glued header in all variants, and everything that is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyml.data.official import read_records
from dyml.errors import ManifestError
from official_sets import LABEL_HEADER, PAIR_HEADER, SCALES, glued

ROWS = ["0.jpg, 3, 17, 201", "1.jpg, 3, 18, 202", "2.jpg, 4, 19, 7"]
LABELS = [[201, 17, 3], [202, 18, 3], [7, 19, 4]]


def table(folder: Path, text: str | bytes) -> Path:
    file = folder / "label.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(folder: Path, text: str | bytes, scales: tuple[str, ...] = SCALES) -> str:
    file = table(folder, text)
    with pytest.raises(ManifestError) as caught:
        read_records(file, scales)
    assert str(file) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("after", ["", "\n", "\r\n", " ", " \n", "\n\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_no_record_is_lost_whatever_follows_the_header(
    tmp_path: Path, line_end: str, after: str, bom: str
) -> None:
    records = read_records(table(tmp_path, bom + glued(LABEL_HEADER, ROWS, line_end, after)), SCALES)
    assert records.names == ["0.jpg", "1.jpg", "2.jpg"]
    assert records.labels.tolist() == LABELS
    assert records.labels.dtype == np.int64
    assert records.glued is ("\n" not in after)
    assert records.ended


def test_a_last_row_without_line_end_is_read_and_told(tmp_path: Path) -> None:
    records = read_records(table(tmp_path, glued(LABEL_HEADER, ROWS).rstrip()), SCALES)
    assert records.labels.tolist() == LABELS
    assert not records.ended


@pytest.mark.parametrize(
    "header", ["fname, labels", "fname, label", "fname,label_id", "fname, fine_id", "fname , fine"]
)
def test_tables_of_one_scale_are_known_by_any_of_their_headers(tmp_path: Path, header: str) -> None:
    records = read_records(table(tmp_path, glued(header, ["0.jpg, 5", "1.jpg,6"])), ("fine",))
    assert records.names == ["0.jpg", "1.jpg"]
    assert records.labels.tolist() == [[5], [6]]


def test_columns_follow_their_names_not_their_places(tmp_path: Path) -> None:
    header = "fname, fine_id, middle_id, coarse_id"
    assert read_records(table(tmp_path, glued(header, ROWS)), SCALES).labels[0].tolist() == [3, 17, 201]


def test_blanks_do_not_matter(tmp_path: Path) -> None:
    text = LABEL_HEADER + "a b.jpg,3 ,  17,201 \n\n  sub/1.jpg, 3, 18, 202\n\n"
    records = read_records(table(tmp_path, text), SCALES)
    assert records.names == ["a b.jpg", "sub/1.jpg"]
    assert records.labels.tolist() == LABELS[:2]


@given(
    names=st.lists(st.from_regex(r"[a-z0-9][a-z0-9 _/-]{0,8}\.(jpg|png)", fullmatch=True), min_size=1),
    data=st.data(),
    separator=st.sampled_from([",", ", ", " , "]),
    after=st.sampled_from(["", "\n", "\r\n"]),
)
def test_any_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    data: st.DataObject,
    separator: str,
    after: str,
) -> None:
    label = st.integers(0, 10**18 - 1)
    labels = data.draw(st.lists(st.tuples(label, label, label), min_size=len(names), max_size=len(names)))
    # A digit first, as in the released sets: letters could belong to the header's last word.
    names = [f"0{name}" for name in names]
    rows = [separator.join(map(str, (name, *reversed(row)))) for name, row in zip(names, labels)]
    file = table(tmp_path_factory.mktemp("t"), glued(LABEL_HEADER, rows, after_header=after))
    records = read_records(file, SCALES)
    assert records.names == names
    assert records.labels.tolist() == [list(row) for row in labels]


def test_a_table_that_was_cut_short_is_told_from_a_wrong_row(tmp_path: Path) -> None:
    text = glued(LABEL_HEADER, ROWS)
    assert "is cut short: its last row, 3, has 3 of 4 values" in refusal(tmp_path, text[: -len(", 7\n")])
    assert "is cut short: its last row, 3, has 3 of 4 values" in refusal(tmp_path, text[: -len("7\n")])
    assert "is cut short: its last row, 3, has 1 of 4 values" in refusal(
        tmp_path, text[: text.index("2.j") + 3]
    )
    wrong = glued(LABEL_HEADER, [ROWS[0], "1.jpg, 3, 18", ROWS[2], "3.jpg, 1, 2, 3, 4"])
    assert "row 2 has 3 values, but 4 belong there (2 rows are wrong)" in refusal(tmp_path, wrong)


def test_rows_are_numbered_as_an_editor_shows_them(tmp_path: Path) -> None:
    bad = "3.jpg, 1, x, 2"
    assert "row 4: the middle label is 'x'" in refusal(tmp_path, glued(LABEL_HEADER, [*ROWS, bad]))
    assert "row 5: the middle label is 'x'" in refusal(
        tmp_path, glued(LABEL_HEADER, [*ROWS, bad], "\n", "\n")
    )
    assert "row 1: the coarse label is '-1'" in refusal(tmp_path, glued(LABEL_HEADER, ["0.jpg, -1, 0, 0"]))
    assert "row 1: the fine label is ''" in refusal(tmp_path, glued(LABEL_HEADER, ["0.jpg, 1, 0, ", *ROWS]))
    assert "label is '9999999999999999999'" in refusal(
        tmp_path, glued(LABEL_HEADER, ["0.jpg, 9999999999999999999, 0, 0"])
    )


@pytest.mark.parametrize("name", ["../0.jpg", "/etc/0.jpg", "a\\0.jpg", "0/../../1.jpg", "", "a\x00.jpg"])
def test_names_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    text = glued(LABEL_HEADER, [ROWS[0], f"{name}, 1, 2, 3"])
    assert "row 2: " in (message := refusal(tmp_path, text))
    assert "is no name of a picture in its folder" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "row 1 begins ''"),
        (LABEL_HEADER, "no rows below the header"),
        (LABEL_HEADER + "\n", "no rows below the header"),
        ("0.jpg, 3, 17, 201\n", "row 1 begins '0.jpg, 3, 17, 201'; a table of an official set begins"),
        (glued(PAIR_HEADER, ["0.jpg, 5"]), "begins 'fname, coarse_id, middle_id, fine_id'"),
        ("fname, fine_id, fine_id, coarse_id0.jpg, 1, 2, 3\n", "once each; got fine, fine, coarse"),
        (b"fname, coarse_id, middle_id, fine_id\xff.jpg, 1, 2, 3\n", "is not UTF-8 text (byte 36)"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert expected in refusal(tmp_path, text)


def test_missing_tables_and_tables_of_all_scales_in_the_place_of_one(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no table .*query.csv: unpack the set again"):
        read_records(tmp_path / "query.csv", ("fine",))
    with pytest.raises(ManifestError, match="cannot be read: Is a directory"):
        read_records(tmp_path, ("fine",))
    assert "values, but 2 belong there" in refusal(tmp_path, glued("fname, fine_id", ROWS), ("fine",))
