"""Equal vectors are found, whatever their number, dtype and neighbours."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dyml.metrics import copies
from dyml.metrics.copies import find_copies
from dyml.metrics.vectors import Vectors


def found(table, dtype=torch.float32, similarity="dot"):
    positions, originals = find_copies(Vectors(table, dtype, similarity, "query"))
    return dict(zip(positions.tolist(), originals.tolist()))


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(-1, 1)), min_size=1, max_size=40))
def test_every_copy_points_to_the_first(rows):
    expected = {i: rows.index(row) for i, row in enumerate(rows) if rows.index(row) < i}
    assert found(np.array(rows, dtype=np.float64), torch.float64) == expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_rows_that_differ_in_one_number_are_not_copies(dtype):
    table = torch.ones(200, 100, dtype=dtype)
    table[torch.arange(100), torch.arange(100)] += 1e-5
    assert found(table, dtype) == dict.fromkeys(range(101, 200), 100)


def test_minus_zero_is_zero():
    assert found(np.array([[0.0, 1.0], [-0.0, 1.0]])) == {1: 0}


def test_copies_far_apart_are_found_in_pieces(monkeypatch):
    monkeypatch.setattr(copies, "BLOCK_ROWS", 7)
    table = np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32)
    table[[13, 49]] = table[3]
    table[20] = table[19]
    assert found(table) == {13: 3, 20: 19, 49: 3}


def test_equal_digests_of_other_rows_are_no_copies(monkeypatch):
    monkeypatch.setattr(copies, "_digest", lambda rows: torch.zeros(len(rows), dtype=torch.int64))
    assert found(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]], dtype=np.float32)) == {2: 0}


@pytest.mark.parametrize("dim", [1, 5, 64, 1000])
@pytest.mark.parametrize("rows", [2, 3, 1000, 20_000])
def test_normalised_copies_stay_equal(dim, rows):
    if rows * dim > 2_000_000:
        rows = 2000
    vector = np.random.default_rng(dim).normal(size=(1, dim)).astype(np.float32)
    assert len(found(np.repeat(vector, rows, axis=0), similarity="cosine")) == rows - 1
