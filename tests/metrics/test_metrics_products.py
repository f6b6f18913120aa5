"""Blocks of similarities: in bounded pieces, and in full precision."""

import numpy as np
import pytest
import torch

from dyml.metrics.products import Gallery, _full_precision, similarity_blocks
from dyml.metrics.vectors import Vectors


def vectors(rows, dim, seed=0, similarity="cosine"):
    table = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return table, Vectors(table, torch.float32, similarity, "query")


@pytest.mark.parametrize("budget", [1, 5000, 10**9])
@pytest.mark.parametrize("rows", [1, 7, 100])
def test_blocks_join_to_the_whole_product(budget, rows):
    queries, q = vectors(20, 16, seed=1, similarity="dot")
    items, g = vectors(300, 16, seed=2, similarity="dot")
    blocks = [(start, block.clone()) for start, block in similarity_blocks(q, Gallery(g, budget), rows)]
    assert [start for start, _ in blocks] == list(range(0, 20, rows))
    assert all(len(block) <= rows for _, block in blocks)
    np.testing.assert_allclose(torch.cat([b for _, b in blocks]).numpy(), queries @ items.T, atol=1e-5)


def test_a_gallery_is_held_only_within_its_budget():
    _, fits = vectors(300, 16)
    _, too_large = vectors(300, 16)
    assert [len(tile) for _, tile in Gallery(fits, 300 * 16 * 4).tiles()] == [300]
    assert [len(tile) for _, tile in Gallery(too_large, 100 * 16 * 4).tiles()] == [100, 100, 100]


def test_cosine_rows_have_length_one():
    _, v = vectors(50, 9)
    torch.testing.assert_close(torch.linalg.vector_norm(v.rows(0, 50), dim=1), torch.ones(50))


def test_the_precision_of_the_program_is_restored():
    matmul = torch.backends.cuda.matmul
    before = matmul.fp32_precision
    try:
        for setting in ("tf32", "ieee"):
            matmul.fp32_precision = setting
            with _full_precision():
                assert matmul.fp32_precision == "ieee"
            assert matmul.fp32_precision == setting
    finally:
        matmul.fp32_precision = before
