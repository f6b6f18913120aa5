"""Embeddings as the report takes them: checked once against their manifest, unit rows in float32."""

import numpy as np
from numpy.typing import NDArray

from dyml.data.manifest import Manifest
from dyml.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def unit_rows(embeddings: np.ndarray, manifest: Manifest) -> Floats:
    """Return embeddings as unit float32 rows, checked against the manifest; rows of zeros stay zeros."""
    vectors = np.asarray(embeddings)
    if vectors.ndim != 2 or len(vectors) != len(manifest):
        raise InputError(
            f"embeddings must be ({len(manifest)}, D), one row for each picture of the manifest; "
            f"got shape {vectors.shape}"
        )
    vectors = vectors.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        row = int(bad[0])
        raise InputError(
            f"embeddings hold values that are not finite: row {row} ({manifest.paths[row]})"
            f"{f' and {len(bad) - 1} more' if len(bad) > 1 else ''}. Embed those pictures again."
        )
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1.0)).astype(np.float32)
