"""Text in Arrow's memory that reads like a list; hashes of texts."""

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dyml.data.text_column import TextColumn
from dyml.data.text_hash import hash_texts, repeated

HASHES = [10722257123061164247, 12555783304765905118, 16294208416658607535]
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=40)


@given(TEXTS, st.data())
def test_a_column_reads_as_the_list(texts: list[str], data: st.DataObject) -> None:
    column = TextColumn.of(texts)
    assert column == texts
    assert texts == column
    assert (len(column), list(column), bool(column)) == (len(texts), texts, bool(texts))
    assert np.array(column, dtype=object).tolist() == texts
    start, stop = data.draw(st.integers(-45, 45)), data.draw(st.integers(-45, 45))
    assert column[start:stop] == texts[start:stop]
    assert column[::-1] == texts[::-1]
    for place in range(-len(texts), len(texts)):
        assert column[place] == texts[place]
    with pytest.raises(IndexError):
        column[len(texts)]
    assert pickle.loads(pickle.dumps(column)) == texts  # as worker processes get it


@given(TEXTS)
def test_values_are_found_and_told_apart(texts: list[str]) -> None:
    names = sorted(set(texts))
    codes = np.array([names.index(text) for text in texts], dtype=np.int64)
    for column in (TextColumn.of(texts), TextColumn.coded(names, codes)):
        assert column == texts
        assert column.distinct() == names
        for text in [*names, "no such text"]:
            assert column.equals(text).tolist() == [other == text for other in texts]
        rows = np.arange(len(texts))[::-1]
        assert column.take(rows) == texts[::-1]


def test_columns_that_differ_are_not_equal() -> None:
    column = TextColumn.of(["a", "b"])
    assert column != ["a"]
    assert column != ["a", "c"]
    assert column != "ab"
    assert repr(column) == "TextColumn(2: 'a', 'b')"


def test_many_names_take_wider_codes() -> None:
    names = [f"n{i:03d}" for i in range(300)]
    assert TextColumn.coded(names, np.arange(300)) == names


@given(TEXTS)
def test_equal_texts_have_equal_hashes(texts: list[str]) -> None:
    hashes = hash_texts(pa.array(texts, pa.large_string()))
    assert len(set(hashes.tolist())) == len(set(texts))
    again = hash_texts(pa.array(["before", *texts], pa.large_string())[1:])
    assert hashes.tolist() == again.tolist()
    twice = [place for place, text in enumerate(texts) if texts.count(text) > 1]
    assert repeated(pa.array(texts, pa.large_string())).tolist() == twice


def test_hashes_do_not_change() -> None:
    """They are kept in files, so other versions and machines must find the same."""
    assert hash_texts(pa.array(["a/b.jpg", "ä", ""], pa.large_string())).tolist() == HASHES


def test_near_texts_have_far_hashes() -> None:
    texts = [f"images/{i:06d}.jpg" for i in range(100_000)]  # more than one block
    hashes = hash_texts(pa.array(texts, pa.large_string()))
    assert len(np.unique(hashes)) == len(texts)
    bits = np.bitwise_count(hashes[1:] ^ hashes[:-1])
    assert 31 < bits.mean() < 33
