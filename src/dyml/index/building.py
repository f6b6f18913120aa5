"""Building faiss indexes from streams of vectors, and opening them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dyml.index.extras import engine_module
from dyml.index.items import Floats
from dyml.index.vectors import VectorIndex

SAMPLE_PER_LIST = 100  # vectors that each list's centre is trained on


def flat_index(vectors: Floats) -> VectorIndex:
    """Return an exact index over vectors in memory."""
    faiss = engine_module("faiss")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    return opened(index)


def build_flat(blocks: Iterable[Floats], dim: int) -> Any:
    """Return faiss' exact index over a stream of vectors."""
    index = engine_module("faiss").IndexFlatIP(dim)
    for block in blocks:
        index.add(np.ascontiguousarray(block))
    return index


def build_fast(blocks: Iterable[Floats], sample: Floats) -> Any:
    """Return inverted lists of 8-bit vectors, with the exact ones behind: `IVF…,SQ8,RFlat`.

    Args:
        blocks: all vectors.
        sample: some of them, to place the lists by; the number of lists is near its square root.
    """
    faiss = engine_module("faiss")
    dim = sample.shape[1]
    index = faiss.index_factory(dim, f"IVF{lists_for(len(sample))},SQ8,RFlat", faiss.METRIC_INNER_PRODUCT)
    index.train(sample)
    for block in blocks:
        index.add(np.ascontiguousarray(block))
    return index


def lists_for(count: int) -> int:
    """Return how many inverted lists suit a number of training vectors.

    >>> lists_for(100_000), lists_for(50)
    (1024, 1)
    """
    return int(2 ** max(0, round(np.log2(max(1, count / SAMPLE_PER_LIST)))))


def read_index(file: Path) -> VectorIndex:
    """Open a faiss file, mapped into memory."""
    faiss = engine_module("faiss")
    return opened(faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC))


def opened(index: Any) -> VectorIndex:
    """Return an index of either kind with a view of its exact vectors."""
    faiss = engine_module("faiss")
    fast = index if isinstance(index, faiss.IndexRefine) else None
    flat = faiss.downcast_index(index.refine_index) if fast is not None else index
    size = index.ntotal * index.d
    rows = faiss.rev_swig_ptr(flat.get_xb(), size) if size else np.empty(0, np.float32)
    rows = rows.reshape(index.ntotal, index.d)
    rows.flags.writeable = False
    return VectorIndex(rows, flat, fast, index)
