"""One wide picture that explains the idea: a query, what lies near it and what far, and the similarities."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from dyml.data.manifest import Manifest
from dyml.errors import InputError
from dyml.files import atomic_path
from dyml.report.groups import best_ordered, level_groups
from dyml.report.pairs import pair_similarities
from dyml.report.teaser_figure import teaser_figure
from dyml.report.vectors import unit_rows


def teaser(
    embeddings: np.ndarray, manifest: Manifest, target: Path, *, query: int | None = None, seed: int = 0
) -> Path:
    """Draw the picture: on top a query and its nearest pictures at every scale, below all similarities.

    Args:
        embeddings: (N, D) floats, N ≥ 2; rows are normalised here.
        manifest: the N pictures, in the same order.
        target: a PNG file of 1600 × 700 pixels, replaced in one step.
        query: the row that asks. None takes, of at most 300 rows, the one whose pictures of different levels
            are best apart: the picture explains the idea, the report shows how often it holds.
        seed: of the samples.

    Returns:
        The target.

    Raises:
        InputError: embeddings and manifest do not fit together, or there is no such row.
        RunError: the target cannot be written.
    """
    vectors = unit_rows(embeddings, manifest)
    if len(vectors) < 2:
        raise InputError("a teaser needs two pictures or more")
    row = best_ordered(vectors, manifest.labels, seed) if query is None else int(query)
    if not 0 <= row < len(vectors):
        raise InputError(f"query must be a row from 0 to {len(vectors) - 1}; got {row}")
    levels = pair_similarities(vectors, manifest.labels, seed=seed)
    groups = level_groups(vectors, manifest.labels, row, most=max(1, 8 // (len(manifest.scales) + 1)))
    with mpl.rc_context({"text.parse_math": False, "font.family": "DejaVu Sans", "font.size": 21}):
        figure = teaser_figure(manifest, row, groups, levels)
        with atomic_path(target) as part:
            figure.savefig(part, format="png", dpi=100, transparent=True, metadata={"Software": None})
    return Path(target)
