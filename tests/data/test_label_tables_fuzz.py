"""Label tables of any bytes: each is read, or refused with a message; nothing else is ever raised."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data import read_manifest, write_manifest
from dyml.data.builders import build_manifest, read_tabular, read_tree
from dyml.data.builders.lookup import read_lookup
from dyml.data.builders.text_lists import read_list
from dyml.data.official import read_records
from dyml.errors import DymlError

SCALES = ("fine", "middle", "coarse")
HEADER = "fname, coarse_id, middle_id, fine_id"
# Bytes that mean something to some reader, beside any others.
MARKS = (b",", b" ", b"\n", b"\r\n", b"\r", b'"', b"\x00", b"\xef\xbb\xbf", b"\xff", b"'", b"\\", b"/", b"..")
SIGNS = (b"{", b"[", b"}", b"]", b":", b"9" * 30, b"\xc3\xa9", b"\xed\xa0\x80", b"0", b"17", b"-1", b"1e9")
WORDS = (
    b"path",
    b"fine",
    b"coarse",
    b"split",
    b"train",
    b"nan",
    b"null",
    b"labels",
    b"0.jpg",
    HEADER.encode(),
)
CRUMBS = st.sampled_from((*MARKS, *SIGNS, *WORDS))
ANY = st.one_of(st.binary(max_size=80), st.lists(CRUMBS, max_size=40).map(b"".join))
HEADS = {
    "records": HEADER.encode(),
    "manifest": b"path,coarse,fine,split\n",
    "lookup": b"class,genus,family\n",
    "csv": b"path,kind,area\n",
    "json": b'[{"path": "a.jpg", "kind": ',
    "jsonl": b'{"path": "a.jpg", "kind": "b", "area": "c"}\n',
    "tree": b'{"a": {"b": ',
    "edges": b"child,parent\nb,a\n",
    "list": b"a b\n",
}


def reader(kind: str) -> tuple[str, Callable[[Path], object]]:
    """Return the ending that a kind of table has, and what reads it."""
    levels = ["kind", "area"]
    readers: dict[str, tuple[str, Callable[[Path], object]]] = {
        "records": (".csv", lambda file: read_records(file, SCALES)),
        "manifest": (".csv", read_manifest),
        "lookup": (".csv", read_lookup),
        "csv": (".csv", lambda file: read_tabular(file, levels)),
        "json": (".json", lambda file: read_tabular(file, levels)),
        "jsonl": (".jsonl", lambda file: read_tabular(file, levels)),
        "tree": (".json", read_tree),
        "edges": (".csv", read_tree),
        "list": (".txt", lambda file: read_list(file, 2)),
    }
    return readers[kind]


@pytest.mark.parametrize("kind", HEADS)
@settings(max_examples=60, deadline=None)
@given(body=ANY, whole=st.booleans())
def test_any_bytes_are_read_or_refused(kind: str, body: bytes, whole: bool) -> None:
    ending, read = reader(kind)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"table{ending}"
        file.write_bytes(body if whole else HEADS[kind] + body)
        message = str(file)
        try:
            read(file)
        except DymlError as error:
            message = str(error)
        assert str(file) in message, "a refusal names the file"


CELLS = st.one_of(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=6),
    st.sampled_from(["", "a", "b", "train", "test", "0", " a", "é", 'x"y', "a,b", "1\n2"]),
)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_any_rows_are_written_and_read_alike_or_refused(rows: list[tuple[str, str, str, str]]) -> None:
    columns = dict(zip(("path", "fine", "coarse", "split"), map(list, zip(*rows))))
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("csv", "parquet"):
            file = Path(folder) / f"manifest.{ending}"
            try:
                write_manifest(columns, file)
                manifest = read_manifest(file, ["fine", "coarse"])
            except DymlError:
                continue
            assert list(manifest.paths) == columns["path"]
            assert list(manifest.split or []) == columns["split"]
            for m, scale in enumerate(("fine", "coarse")):
                names = [manifest.taxonomy.name(m, label) for label in manifest.labels[:, m].tolist()]
                assert names == columns[scale]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_zero_at_the_end_of_a_name_stays(ending: str, tmp_path: Path) -> None:
    columns = {"path": ["a", "b"], "fine": ["0", "0\0"], "split": ["train", "train\0"]}
    write_manifest(columns, tmp_path / f"manifest.{ending}")
    manifest = read_manifest(tmp_path, ["fine"])
    assert list(manifest.split or []) == columns["split"]
    assert [manifest.taxonomy.name(0, label) for label in manifest.labels[:, 0].tolist()] == columns["fine"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@settings(max_examples=80, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["path", "kind", "area", "x"]), VALUES), max_size=6))
def test_any_json_objects_become_a_manifest_or_are_refused(rows: list[dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for k, row in enumerate(rows):
            if k % 2:
                row["path"] = f"{k}.jpg"
                (root / f"{k}.jpg").touch()
        file = root / "shop.json"
        file.write_text(json.dumps(rows))
        try:
            built = build_manifest(read_tabular(file, ["kind", "area"]), root / "manifest.csv", least=1)
        except DymlError:
            return
        assert set(built.manifest.splits) == {"train", "test"}
