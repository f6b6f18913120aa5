"""Vectors of a part in faiss: exact search always, and a faster index beside it where there are many.

Cosines of unit vectors are inner products. A filter is never applied behind an approximate search: few rows
are gathered and multiplied, many are picked out while faiss scans all of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.index.extras import engine_module, numpy_call
from dyml.index.items import Floats

Rows = NDArray[np.int64]
GATHER_SHARE = 0.1
GATHER_BLOCK = 32_768
PROBES = 64
REFINE = 4
ROUNDING = 1e-6  # two ways to sum one product differ by less


@dataclass(frozen=True, eq=False)
class VectorIndex:
    """N unit vectors.

    Attributes:
        rows: (N, D) float32, read-only, perhaps mapped from a file.
        flat: faiss' exact index over them.
        fast: faiss' inverted lists with the exact vectors behind, or None.
        holder: the faiss index that owns the memory.
    """

    rows: Floats
    flat: Any
    fast: Any
    holder: Any

    def search(self, queries: Floats, k: int, allowed: NDArray[np.bool_] | None) -> tuple[Floats, Rows]:
        """Return the k most similar rows of each query, best first.

        Args:
            queries: (Q, D) float32 unit rows.
            k: at most N.
            allowed: (N,), the rows that may come; None: all. With it, and for many results, the search is
                exact.

        Returns:
            (Q, k) similarities and rows; −1 where there are no more.
        """
        if allowed is None:
            if self.fast is not None and k * 20 <= len(self.rows):
                similarity, rows = self._fast(queries, k)
                if rows.min() >= 0:
                    return similarity, rows
            return self.flat.search(queries, k)
        rows = np.flatnonzero(allowed)
        if len(rows) <= max(GATHER_SHARE * len(self.rows), 1000 // len(queries)):
            return self._gathered(queries, k, rows)
        faiss = engine_module("faiss")
        bits = np.packbits(allowed, bitorder="little")
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        return numpy_call(self.flat, "search")(queries, k, params=chosen)

    def range(self, query: Floats, least: float, allowed: NDArray[np.bool_] | None) -> tuple[Floats, Rows]:
        """Return every row of at least this similarity (less a rounding error), in no order; exact.

        Args:
            query: (D,) float32.
            least: a cosine.
            allowed: (N,), the rows that may come; None: all.
        """
        least -= ROUNDING
        params = None
        if allowed is not None:
            rows = np.flatnonzero(allowed)
            if len(rows) <= GATHER_SHARE * len(self.rows):
                similarity = self._products(query[None], rows)[0]
                near = similarity >= least
                return similarity[near], rows[near]
            faiss = engine_module("faiss")
            bits = np.packbits(allowed, bitorder="little")
            params = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
        _, similarity, rows = numpy_call(self.flat, "range_search")(query[None], least, params=params)
        return similarity, rows

    def above(self, query: Floats, similarity: float) -> int:
        """Count the rows that are more similar to a query than this."""
        return len(self.flat.range_search(query[None], similarity + ROUNDING)[1])

    def _fast(self, queries: Floats, k: int) -> tuple[Floats, Rows]:
        faiss = engine_module("faiss")
        probes = faiss.SearchParametersIVF(nprobe=PROBES)
        params = faiss.IndexRefineSearchParameters(k_factor=REFINE, base_index_params=probes)
        return numpy_call(self.fast, "search")(queries, k, params=params)

    def _products(self, queries: Floats, rows: Rows) -> Floats:
        out = np.empty((len(queries), len(rows)), np.float32)
        for start in range(0, len(rows), GATHER_BLOCK):
            block = slice(start, start + GATHER_BLOCK)
            np.matmul(queries, self.rows[rows[block]].T, out=out[:, block])
        return out

    def _gathered(self, queries: Floats, k: int, rows: Rows) -> tuple[Floats, Rows]:
        similarity = np.full((len(queries), k), -np.inf, np.float32)
        found = np.full((len(queries), k), -1, np.int64)
        products = self._products(queries, rows)
        for q, row in enumerate(products):
            best = best_places(row, k)
            similarity[q, : len(best)] = row[best]
            found[q, : len(best)] = rows[best]
        return similarity, found


def best_places(values: Floats, k: int) -> Rows:
    """Return the places of the k greatest values, greatest first, equal ones in their order."""
    places = np.arange(len(values))
    if k < len(values):
        places = np.flatnonzero(values >= np.partition(values, len(values) - k)[len(values) - k])
    return places[np.argsort(-values[places], kind="stable")[:k]]
