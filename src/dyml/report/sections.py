"""The sections of the report, each from data to HTML."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dyml.data.manifest import Manifest
from dyml.metrics import Result
from dyml.report.curves import panels, read_curves
from dyml.report.curves_figure import curves_figure
from dyml.report.map_figure import map_figure
from dyml.report.neighbours import choose_queries
from dyml.report.pairs import LevelPairs, above, pair_similarities
from dyml.report.palette import MOST_CLASSES
from dyml.report.projection import Projection, project
from dyml.report.settings_table import settings_tables
from dyml.report.sheet import level_head, sheet
from dyml.report.similarity_figure import similarity_figure
from dyml.report.svg import inline
from dyml.report.tables import first_sentence, graded_table, headline, meanings, measure_names, scale_table
from dyml.report.text import decimal, safe, several, share
from dyml.report.vectors import Floats


@dataclass(frozen=True)
class Section:
    """A part of the page: `name` is its anchor, `title` its heading, `body` HTML."""

    name: str
    title: str
    body: str


def results_section(result: Result, baselines: Mapping[str, Result]) -> Section:
    """The headline, the tables, and the measures in words."""
    return Section(
        "results",
        "Results",
        f'<p class="lead">{first_sentence(result)}</p>{headline(result, baselines)}'
        f"{scale_table(result, baselines)}{graded_table(result, baselines)}{meanings(measure_names(result))}",
    )


def sheet_section(embeddings: Floats, manifest: Manifest, seed: int) -> Section:
    """Ten queries and their first eight neighbours."""
    shown = choose_queries(embeddings, manifest.labels, seed=seed)
    return Section("neighbours", "Nearest neighbours", sheet(shown, manifest))


def range_section(embeddings: Floats, manifest: Manifest, seed: int) -> Section:
    """The densities of similarity by shared scales: the dynamic range."""
    levels = pair_similarities(embeddings, manifest.labels, seed=seed)
    sampled = any(pairs.sampled for pairs in levels)
    most = max(len(pairs.similarity) for pairs in levels)
    how = (
        f"Where there are more than {most:,} pairs of a kind, {most:,} of them are looked at, drawn at "
        f"random (seed {seed})."
        if sampled
        else "Every pair is counted."
    )
    caption = (
        "Similarity of pairs of pictures, by the finest scale they share. The dot is the median, the bar "
        "holds the middle 90&#8239;%; every curve is scaled to one height. In a space with a good dynamic "
        "range the medians step down evenly along the dotted line, and the curves of neighbouring rows "
        f"overlap little. {how}"
    )
    figure = inline(
        partial(similarity_figure, levels, manifest.scales),
        "range",
        "Densities of similarity by shared scales",
        caption,
    )
    return Section("range", "Dynamic range", figure + _range_table(levels, manifest.scales))


def curves_section(curves: Path, scales: Sequence[str], measures: Sequence[str]) -> Section | None:
    """The training curves, or None where the file has none."""
    drawn = panels(*read_curves(curves), scales, measures)
    if not drawn:
        return None
    caption = (
        "Values as they were logged, the last one written at the end of each line. Pale lines are the values "
        "themselves, where a running mean is drawn over them. A loss that still falls asks for more epochs; "
        "validation measures that turn down while it falls ask for fewer."
    )
    return Section(
        "training", "Training", inline(partial(curves_figure, drawn), "curves", "Training curves", caption)
    )


def map_section(embeddings: Floats, manifest: Manifest, seed: int) -> Section:
    """The map of embeddings, coloured by coarsest class, named by the next finer one."""
    drawn = project(embeddings, seed=seed)
    coarse = manifest.labels[drawn.rows, -1]
    ranking = [class_id for class_id, _ in Counter(coarse.tolist()).most_common()]
    places = {class_id: place for place, class_id in enumerate(ranking)}
    classes = np.array([places[class_id] for class_id in coarse.tolist()], dtype=np.int64)
    scale = max(len(manifest.scales) - 2, 0)
    names = _group_names(drawn, manifest, scale)
    scope = (
        "all pictures"
        if len(drawn.rows) == drawn.total
        else f"{len(drawn.rows):,} of {drawn.total:,} pictures"
    )
    how = (
        "Made by t-SNE: near points are near in the embedding; distances between far groups and the sizes of "
        "groups mean little."
        if drawn.method == "t-SNE"
        else "Made by PCA: the two directions in which the embeddings differ most."
    )
    caption = (
        f"A map of {scope}, coloured by {safe(manifest.scales[-1])} class; names are "
        f"{safe(manifest.scales[scale])} classes at the middle of their points. Look for islands of one "
        f"colour, and for strangers on them. {how}"
    )
    figure = inline(partial(map_figure, drawn, classes, names), "map", "Map of the embeddings", caption)
    return Section("map", "Map", _map_legend(manifest, ranking, classes) + figure)


def settings_section(settings: Mapping[str, Any]) -> Section:
    """The settings, folded."""
    body = f"<details><summary>Settings and environment</summary>{settings_tables(settings)}</details>"
    return Section("settings", "How it was made", body)


def _range_table(levels: Sequence[LevelPairs], scales: Sequence[str]) -> str:
    rows = []
    for pairs, lower in zip(levels, [*levels[1:], None]):
        beats = "–" if lower is None else share(above(pairs, lower))
        fifth, median, last = (decimal(pairs.quantile(part)) for part in (0.05, 0.5, 0.95))
        rows.append(
            f'<tr class="level{pairs.level}">{level_head(scales, pairs.level)}'
            f'<td class="extra">{pairs.total:,}</td><td class="extra">{fifth}</td><td>{median}</td>'
            f'<td class="extra">{last}</td><td>{beats}</td></tr>'
        )
    return (
        '<div class="scroll"><table class="legend">'
        '<caption class="hidden">Similarity by shared scales</caption>'
        '<thead><tr><th scope="col">pairs of</th><th scope="col" class="extra">number</th>'
        '<th scope="col" class="extra">5&#8239;%</th><th scope="col">median</th>'
        '<th scope="col" class="extra">95&#8239;%</th><th scope="col">beat the next</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="note">Beat the next: how often a pair of this row is more similar than a pair of the row '
        "below. 50&#8239;% is chance; at 100&#8239;% one threshold tells them apart without error.</p>"
    )


def _group_names(drawn: Projection, manifest: Manifest, scale: int, most: int = 40) -> list[tuple[int, str]]:
    """Return the largest classes of a scale, each with the point nearest to the median of its points."""
    column = manifest.labels[drawn.rows, scale]
    names = []
    for class_id, _ in Counter(column.tolist()).most_common(most):
        mine = np.flatnonzero(column == class_id)
        away = np.square(drawn.points[mine] - np.median(drawn.points[mine], axis=0)).sum(1)
        names.append((int(mine[away.argmin()]), manifest.taxonomy.name(scale, class_id)))
    return names


def _map_legend(manifest: Manifest, ranking: Sequence[int], classes: np.ndarray) -> str:
    counts = np.bincount(classes)
    scale = len(manifest.scales) - 1
    items = [
        f'<li class="shape{place} class{place}"><span class="shape"></span>'
        f"{safe(manifest.taxonomy.name(scale, class_id))} <small>{int(counts[place]):,}</small></li>"
        for place, class_id in enumerate(ranking[:MOST_CLASSES])
    ]
    rest = ranking[MOST_CLASSES:]
    if rest:
        items.append(
            f'<li class="shape{MOST_CLASSES} class{MOST_CLASSES}"><span class="shape"></span>'
            f"{several(len(rest), 'smaller class')} <small>{int(counts[MOST_CLASSES:].sum()):,}</small></li>"
        )
    return f'<ul class="classes" aria-label="Colours of the map">{"".join(items)}</ul>'
