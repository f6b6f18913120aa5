"""Embeddings made ready for matrix products: checked, converted and normalised, block by block."""

import warnings
from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from dyml.errors import InputError, shortened, suggest
from dyml.metrics.inputs import Table

Similarity = Literal["cosine", "dot", "euclidean"]
BLOCK_NUMBERS = 2**19  # Small enough that a block's copies stay in the processor's cache.


class Vectors:
    """A table of embeddings whose rows are prepared when they are asked for.

    The table stays as it is (on disk, in half precision, on its device); only the rows in use are converted,
    unless `hold` prepares them all.

    Distances become products, too: with one more number a row, −|g|²/2 in the gallery and 1 in a query,
    q·g − |g|²/2 falls as |q − g|² rises.

    Args:
        table: (N, D) embeddings.
        dtype: of the computation.
        similarity: what they are prepared for.
        name: what to call them in an error.
        searched: they are the gallery; only Euclidean distance makes a difference between the two.
    """

    def __init__(
        self, table: Table, dtype: torch.dtype, similarity: Similarity, name: str, searched: bool = False
    ) -> None:
        self.table = table
        self.dtype = dtype
        self.similarity = similarity
        self.name = name
        self.searched = searched
        self._held: Tensor | None = None
        self._check()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def dim(self) -> int:
        """The length of a prepared row: D, and one more for distances."""
        return int(self.table.shape[1]) + (self.similarity == "euclidean")

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.table.device if isinstance(self.table, Tensor) else torch.device("cpu")

    @property
    def held_bytes(self) -> int:
        """The memory that `hold` takes."""
        return len(self) * self.dim * torch.finfo(self.dtype).bits // 8

    def hold(self) -> None:
        """Prepare all rows now and keep them."""
        if self._held is None:
            self._held = self.rows(0, len(self))

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the prepared rows start … stop-1 (fewer at the end of the table).

        Returns:
            (B, D) contiguous, in the dtype of the computation, on the table's device; not to be written into.
        """
        if self._held is not None:
            return self._held[start:stop]
        stop = min(stop, len(self))
        out = empty(max(stop - start, 0), self.dim, self.dtype, self.device)
        for begin, end in self._blocks(start, stop):
            self._prepare(self._raw(slice(begin, end)), out[begin - start : end - start])
        return out

    def at(self, positions: Tensor) -> Tensor:
        """Return the prepared rows at (B,) int64 positions: (B, D) as from `rows`."""
        if self._held is not None:
            return self._held[positions]
        raw = self._raw(positions)
        return self._prepare(raw, raw.new_empty(len(raw), self.dim))

    def _prepare(self, raw: Tensor, out: Tensor) -> Tensor:
        if self.similarity == "cosine":
            return unit_rows(raw, out)
        if self.similarity == "euclidean":
            out[:, -1] = -raw.square().sum(1) / 2 if self.searched else 1
            out[:, :-1] = raw
            return out
        return out.copy_(raw)

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        rows = max(64, BLOCK_NUMBERS // self.dim)
        for begin in range(start, stop, rows):
            yield begin, min(begin + rows, stop)

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
        limit = torch.inf if self.similarity == "cosine" else (torch.finfo(self.dtype).max / 4) ** 0.5
        bad: list[int] = []
        for start, stop in self._blocks(0, len(self)):
            block = self._raw(slice(start, stop))
            if not (torch.linalg.vector_norm(block, dim=1) < limit).all():
                peak = block.abs().amax(1)
                if self.similarity != "cosine":
                    peak *= self.dim**0.5
                bad += (start + torch.nonzero(~(peak < limit))[:, 0]).tolist()
        if bad:
            cause = "NaN or infinite" if self.similarity == "cosine" else "NaN, infinite or too large"
            raise InputError(
                f"{self.name} has {cause} numbers in row{'s' * (len(bad) > 1)} {shortened(bad)}: "
                f"mend these embeddings or leave them out"
            )


def empty(rows: int, columns: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a (rows, columns) tensor that is not filled.

    On the CPU numpy makes it: it asks for large pages of memory, which are many times faster to come by.
    """
    if device.type != "cpu":
        return torch.empty(rows, columns, dtype=dtype, device=device)
    return torch.from_numpy(np.empty((rows, columns), np.float64 if dtype == torch.float64 else np.float32))


def unit_rows(block: Tensor, out: Tensor) -> Tensor:
    """Scale every row to length 1; rows of zeros stay zeros.

    Args:
        block: (B, D) float32 or float64, finite.
        out: (B, D) of the same dtype, which is filled and returned.
    """
    length = torch.linalg.vector_norm(block, dim=1, keepdim=True)
    info = torch.finfo(block.dtype)
    odd = ((length < info.tiny**0.5 / info.eps) | (length > info.max**0.5 * info.eps))[:, 0]
    torch.div(block, length, out=out)
    if odd.any():
        # Squares of tiny numbers vanish and those of huge ones overflow: bring the greatest number near 1
        # first, by a power of two, which is exact.
        rows = block[odd]
        peak = rows.abs().amax(1, keepdim=True)
        power = torch.where(peak > 0, torch.frexp(peak).mantissa / peak, 1).clamp(
            max=1 / info.smallest_normal
        )
        rows = rows * power
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        out[odd] = rows / torch.where(length > 0, length, 1)
    return out


def checked_similarity(similarity: str) -> Similarity:
    """Return a similarity that is known, or refuse it."""
    for known in get_args(Similarity):
        if similarity == known:
            return known
    names = get_args(Similarity)
    raise InputError(
        f"similarity must be one of {', '.join(names)}; got {similarity!r}.{suggest(similarity, names)}"
    )
