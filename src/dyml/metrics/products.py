"""Similarities of a block of queries with the whole gallery, by matrix products in bounded memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from dyml.metrics.copies import find_copies
from dyml.metrics.vectors import Vectors, empty

COPY_ROWS = 32
LEAST_TILE = 64


class Gallery:
    """The gallery, prepared once where it fits into `budget` bytes, else tile by tile for every block.

    Args:
        vectors: N items.
        budget: bytes.
        users: how many threads share the budget.
    """

    def __init__(self, vectors: Vectors, budget: int, users: int = 1) -> None:
        self.vectors = vectors
        self.tile_rows = max(LEAST_TILE, budget * len(vectors) // vectors.held_bytes)
        if self.tile_rows >= len(vectors):
            vectors.hold()
        else:
            self.tile_rows = max(LEAST_TILE, self.tile_rows // users)
        self.copies, self.originals = find_copies(vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def tiles(self) -> Iterator[tuple[int, Tensor]]:
        """Yield the position of the first row and the prepared rows of every tile."""
        for start in range(0, len(self), self.tile_rows):
            yield start, self.vectors.rows(start, start + self.tile_rows)


def similarity_blocks(queries: Vectors, gallery: Gallery, rows: int) -> Iterator[tuple[int, Tensor]]:
    """Yield the similarities of `rows` queries after `rows` queries.

    Equal vectors of the gallery have equal similarities.

    Args:
        queries: Q of them.
        gallery: N items.
        rows: B; the last block may have fewer.

    Yields:
        The first query of the block, and (B, N) similarities. The next block reuses their memory.
    """
    out = empty(min(rows, len(queries)), len(gallery), queries.dtype, queries.device)
    for start in range(0, len(queries), rows):
        yield start, fill_similarities(queries.rows(start, start + rows), gallery, out)


def fill_similarities(block: Tensor, gallery: Gallery, out: Tensor) -> Tensor:
    """Compute the similarities of some queries.

    Args:
        block: (B, D) prepared queries.
        gallery: N items.
        out: (B or more, N), filled.

    Returns:
        (B, N), the part of `out` that was filled.
    """
    found = out[: len(block)]
    for column, tile in gallery.tiles():
        _product(block, tile, found[:, column : column + len(tile)])
    if len(gallery.copies):
        # A few rows at a time, so that what is taken over needs no second block.
        for part in found.split(COPY_ROWS):
            part[:, gallery.copies] = part[:, gallery.originals]
    return found


def _product(block: Tensor, tile: Tensor, out: Tensor) -> None:
    if block.device.type == "cpu":
        # numpy's BLAS keeps full precision whatever torch's settings are, and is the faster one on many CPUs.
        np.matmul(block.numpy(), tile.numpy().T, out=out.numpy())
    else:
        with _full_precision():
            torch.mm(block, tile.T, out=out)


@contextmanager
def _full_precision() -> Iterator[None]:
    """Keep CUDA from shortening float32 to TF32, whatever the program has set for its training."""
    matmul = torch.backends.cuda.matmul
    # torch 2.9 gave the setting a new name, and refuses that both are mixed.
    name, full = ("fp32_precision", "ieee") if hasattr(matmul, "fp32_precision") else ("allow_tf32", False)
    before = getattr(matmul, name)
    setattr(matmul, name, full)
    try:
        yield
    finally:
        setattr(matmul, name, before)
