"""Whether items that are added are there already, unchanged."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.index.batches import Batch
from dyml.index.parts import decoded
from dyml.index.snapshot import Snapshot


def unchanged(snapshot: Snapshot, places: NDArray[np.int64], batch: Batch) -> NDArray[np.bool_]:
    """Return which items of a batch equal the rows at these places, (N,)."""
    same = np.ones(len(batch), bool)
    for part, rows, here in snapshot.split(places):
        same[here] &= (part.index.rows[rows] == batch.vectors[here]).all(axis=1)
        taken = pa.array(rows)
        for column, new in (
            (part.metadata, batch.metadata),
            (part.pictures, batch.pictures),
            (part.digests, batch.digests),
        ):
            same[here] &= _equal(column.take(taken).to_pylist(), new.take(pa.array(here)).to_pylist())
        for names, codes, new in zip(snapshot.names, part.codes, batch.labels):
            same[here] &= _equal(decoded(codes[rows], names), new.take(pa.array(here)).to_pylist())
    return same


def _equal(old: list[str | None], new: list[str | None]) -> NDArray[np.bool_]:
    return np.fromiter((a == b for a, b in zip(old, new)), bool, len(old))
