"""Everything that is known of an embedding, as one HTML page."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from dyml.data.manifest import Manifest
from dyml.files import write_text
from dyml.metrics import Result
from dyml.metrics.result import COUNTS
from dyml.report.page import page
from dyml.report.sections import (
    curves_section,
    map_section,
    range_section,
    results_section,
    settings_section,
    sheet_section,
)
from dyml.report.settings_table import date_of
from dyml.report.text import several
from dyml.report.vectors import unit_rows

_NONE: Mapping[str, Result] = MappingProxyType({})


def write_report(
    target: Path,
    *,
    title: str,
    result: Result,
    embeddings: np.ndarray,
    manifest: Manifest,
    baselines: Mapping[str, Result] = _NONE,
    curves: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Path:
    """Write the report of an embedding: measures, neighbours, dynamic range, training, map, settings.

    The page needs no network and no other file. The same arguments write the same bytes on one machine.

    Args:
        target: the HTML file, replaced in one step.
        title: the heading.
        result: the measures of `embeddings`.
        embeddings: (N, D) floats; rows are normalised here.
        manifest: the N pictures, in the same order. Pictures that cannot be opened become empty tiles.
        baselines: results to compare with, by name, such as "untrained" and "raw pixels".
        curves: the `metrics.csv` of Lightning's CSV logger; None, or a file without values, leaves them out.
        settings: shown in a fold-out, nested or not. `date` or `created` is shown under the heading, too.
        seed: of the samples: which queries, pairs and map points are drawn.

    Returns:
        The target.

    Raises:
        InputError: embeddings and manifest do not fit together, or an embedding is not finite.
        RunError: the target cannot be written.
    """
    vectors = unit_rows(embeddings, manifest)
    measures = [name for name in result.overall if name not in COUNTS]
    sections = [
        results_section(result, baselines),
        sheet_section(vectors, manifest, seed),
        range_section(vectors, manifest, seed),
        curves_section(curves, manifest.scales, measures) if curves is not None else None,
        map_section(vectors, manifest, seed),
        settings_section(settings) if settings else None,
    ]
    counts = manifest.taxonomy.num_classes
    facts = [
        several(len(manifest), "picture"),
        *(several(count, f"{scale} class") for scale, count in zip(manifest.scales, counts)),
        several(vectors.shape[1], "dimension"),
    ]
    date = date_of(settings)
    target = Path(target)
    write_text(
        target,
        page(
            title, facts + ([date] if date else []), [part for part in sections if part], len(manifest.scales)
        ),
    )
    return target
