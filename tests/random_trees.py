"""Label trees for property tests."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@st.composite
def lineages(draw: st.DrawFn, max_scales: int = 5, max_fine: int = 12) -> Ints:
    """Lineages (F, L) int64 of random trees: row f is fine class f; coarser ids are any, in any order."""
    scales = draw(st.integers(1, max_scales))
    fine = draw(st.integers(1, max_fine))
    columns = [np.arange(fine)]
    classes, code = fine, np.arange(fine)
    for _ in range(scales - 1):
        above = draw(st.integers(1, classes))
        parent = np.array(draw(st.lists(st.integers(0, above - 1), min_size=classes, max_size=classes)))
        ids = draw(st.lists(st.integers(0, 2**62), min_size=above, max_size=above, unique=True))
        code = parent[code]
        columns.append(np.array(ids, dtype=np.int64)[code])
        code = np.unique(code, return_inverse=True)[1].reshape(-1)
        classes = int(code.max()) + 1
    return np.stack(columns, axis=1).astype(np.int64)


@st.composite
def label_tables(draw: st.DrawFn, **limits: Any) -> Ints:
    """Label tables (N, L) in which every class of a random tree occurs, in any order."""
    lineage = draw(lineages(**limits))
    more = draw(st.lists(st.integers(0, len(lineage) - 1), max_size=10))
    rows = draw(st.permutations([*range(len(lineage)), *more]))
    return lineage[rows]
