"""Embeddings made ready for matrix products: checked once, then converted and normalised by blocks."""

import warnings
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from dyml.errors import InputError, shortened, suggest
from dyml.metrics.inputs import Table

Similarity = Literal["cosine", "dot"]
CHECK_ROWS = 16384


class Vectors:
    """A table of embeddings whose rows are prepared when they are asked for.

    The table stays as it is (on disk, in half precision, on its device); only the rows in use are converted.
    """

    def __init__(self, table: Table, dtype: torch.dtype, similarity: Similarity, name: str) -> None:
        self.table = table
        self.dtype = dtype
        self.similarity = similarity
        self.name = name
        self._check()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def dim(self) -> int:
        """D, the length of an embedding."""
        return int(self.table.shape[1])

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the prepared rows start … stop-1 (fewer at the end of the table).

        Returns:
            (B, D) contiguous, in the dtype of the computation, on the table's device.
        """
        return self._prepared(slice(start, stop))

    def at(self, positions: Tensor) -> Tensor:
        """Return the prepared rows at (B,) int64 positions: (B, D) as from `rows`."""
        return self._prepared(positions)

    def _prepared(self, which: slice | Tensor) -> Tensor:
        block = self._raw(which).contiguous()
        return unit_rows(block) if self.similarity == "cosine" else block

    def _raw(self, which: slice | Tensor) -> Tensor:
        if isinstance(self.table, Tensor):
            return self.table[which].to(self.dtype)
        block = np.ascontiguousarray(self.table[which if isinstance(which, slice) else which.numpy()])
        block = block.astype(block.dtype.newbyteorder("="), copy=False)
        with warnings.catch_warnings():
            # A read-only array is fine: nothing here writes into it.
            warnings.filterwarnings("ignore", message=".*not writable.*")
            return torch.from_numpy(block).to(self.dtype)

    def _check(self) -> None:
        # Products of larger rows would overflow, and inf − inf has no rank.
        limit = torch.inf if self.similarity == "cosine" else (torch.finfo(self.dtype).max / self.dim) ** 0.5
        bad: list[int] = []
        for start in range(0, len(self), CHECK_ROWS):
            peak = torch.linalg.vector_norm(self._raw(slice(start, start + CHECK_ROWS)), ord=torch.inf, dim=1)
            bad += (start + torch.nonzero(~(peak < limit))[:, 0]).tolist()
        if bad:
            cause = "NaN or infinite" if self.similarity == "cosine" else "NaN, infinite or too large"
            raise InputError(
                f"{self.name} has {cause} numbers in row{'s' * (len(bad) > 1)} {shortened(bad)}: "
                f"mend these embeddings or leave them out"
            )


def unit_rows(block: Tensor) -> Tensor:
    """Scale every row to length 1; rows of zeros stay zeros.

    The length is taken after an exact scaling by a power of two, so that tiny rows do not vanish and huge
    ones do not overflow.

    Args:
        block: (B, D) float32 or float64, finite.

    Returns:
        (B, D) of the same dtype.
    """
    peak = torch.linalg.vector_norm(block, ord=torch.inf, dim=1, keepdim=True)
    mantissa = torch.frexp(peak).mantissa
    power = torch.where(peak > 0, mantissa / peak, 1).clamp(max=1 / torch.finfo(block.dtype).smallest_normal)
    scaled = block * power
    length = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return scaled / torch.where(length > 0, length, 1)


def checked_similarity(similarity: str) -> Similarity:
    """Return a similarity that is known, or refuse it."""
    for known in get_args(Similarity):
        if similarity == known:
            return known
    names = get_args(Similarity)
    raise InputError(
        f"similarity must be one of {', '.join(names)}; got {similarity!r}.{suggest(similarity, names)}"
    )
