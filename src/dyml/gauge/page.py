"""The gauge as one HTML page that needs nothing else."""

from functools import partial
from pathlib import Path

from dyml.files import write_text
from dyml.gauge.choosing import Sample
from dyml.gauge.criteria import parse_criterion
from dyml.gauge.gauge import Gauge
from dyml.gauge.marks import Estimate
from dyml.gauge.reliability_figure import reliability_figure
from dyml.gauge.ruler_figure import ruler_figure
from dyml.gauge.tables import interval, percent, range_lines
from dyml.report.page import page
from dyml.report.sections import Section
from dyml.report.svg import inline
from dyml.report.text import listed, safe

_WRAPPED = 'style="white-space:normal"'
_SOFT = 'style="font-weight:400;white-space:normal;min-width:8em"'


def write_page(gauge: Gauge, sample: Sample, target: Path, title: str) -> Path:
    """Write the ruler, the thresholds and the reliability diagrams.

    Args:
        gauge: as it was fitted and judged.
        sample: pairs that it was not fitted on, for the densities.
        target: the HTML file.
        title: the heading.

    Raises:
        RunError: the file cannot be written.
    """
    sections = [_ruler(gauge, sample), _thresholds(gauge)]
    if gauge.judged:
        sections.append(_reliability(gauge))
    facts = [str(gauge.about["data"])] if "data" in gauge.about else []
    write_text(target, page(title, facts, sections, len(gauge.scales)))
    return target


def _ruler(gauge: Gauge, sample: Sample) -> Section:
    caption = (
        "Above, how similar pairs of pictures are, by the finest scale they share, each curve scaled to one "
        "height. In the middle the ruler: from the dot on, two pictures count as the same at that scale; "
        "there, false accepts are as frequent as false rejects, and the thick bar is the 95&#8239;% interval "
        "of its place. The small diamond is where the same becomes likelier than not. Below, the probability "
        f"of the same class at each scale, for two pictures that share one as often as {_prior_words(gauge)}."
    )
    figure = inline(
        partial(ruler_figure, gauge, sample),
        "ruler",
        "The ruler: similarity and the marks of all scales",
        caption,
    )
    lead, rest = (_text(line) for line in range_lines(gauge))
    note = (
        "Distances are Euclidean, between unit vectors: sqrt(2 − 2 · similarity). Decibels are 20 · log10 of "
        "the ratio of the coarsest to the finest distance."
    )
    return Section(
        "ruler", "The ruler", f'<p class="lead">{lead}</p><p>{rest}</p>{figure}<p class="note">{note}</p>'
    )


def _thresholds(gauge: Gauge) -> Section:
    names = ("similarity", "distance", "false accepts, %", "false rejects, %", "precision, %")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    groups = []
    for m, scale in enumerate(gauge.scales):
        marks = [mark for mark in gauge.marks if mark.scale == scale]
        rows = []
        for place, mark in enumerate(marks):
            first = f'<th class="scale" {_WRAPPED} scope="rowgroup" rowspan="{len(marks)}">{safe(scale)}</th>'
            shares = (mark.false_accept, mark.false_reject, mark.precision)
            cells = _cell(mark.similarity, 1, 3) + _cell(mark.distance, 1, 3)
            cells += "".join(_cell(value) for value in shares)
            words = _text(parse_criterion(mark.criterion).words)
            named = f'<th class="method" scope="row" {_SOFT}>{words}</th>'
            rows.append(f"<tr>{first if place == 0 else ''}{named}{cells}</tr>")
        if rows:
            groups.append(f'<tbody class="level{len(gauge.scales) - m}">{"".join(rows)}</tbody>')
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Thresholds"><table class="results">'
        "<caption>Thresholds, with 95&#8239;% intervals where they were made.</caption>"
        '<thead><tr><th scope="col">scale</th><th class="method" scope="col">chosen by</th>'
        f"{head}</tr></thead>"
        f"{''.join(groups)}</table></div>"
    )
    bootstrap = gauge.about.get("bootstrap", {})
    note = (
        f"A scale has no row for what no threshold fulfils. Intervals: {bootstrap.get('replicates', 0)} "
        f"bootstrap replicates, each drawing whole {_drawn(gauge)} again, not pairs. Precision holds "
        f"for pairs that share a class as often as {_prior_words(gauge)}."
    )
    return Section("thresholds", "Thresholds", f'{table}<p class="note">{note}</p>')


def _reliability(gauge: Gauge) -> Section:
    caption = (
        "On pictures of classes that the gauge was not fitted on: of the pairs that are given a probability, "
        "how many are the same. On the dotted line, probabilities come true. Filled: under the gauge’s own "
        "prior; hollow: if every number of shared scales were equally frequent. ECE is the expected "
        "calibration error, the mean distance from the line, over 15 bins of equal width weighted by their "
        "pairs; bins with fewer than ten pairs are not drawn."
    )
    figure = inline(
        partial(reliability_figure, gauge), "reliability", "Reliability diagram of every scale", caption
    )
    methods = [f"{choice.scale} {choice.method}" for choice in gauge.choices]
    score = gauge.choices[0].score.replace("_", " ")
    note = (
        f"Calibration: {safe(listed(methods))}; chosen by {score} on a split of the classes, then made "
        "consistent: what is likely at a finer scale is at least as likely at a coarser one."
    )
    return Section("reliability", "Reliability", f'{figure}<p class="note">{note}</p>')


def _text(words: str) -> str:
    """Return words as HTML, percent signs kept with their numbers."""
    return safe(words).replace(" %", "&#8239;%")


def _cell(value: Estimate, factor: float = 100, digits: int = 2) -> str:
    whole, _, between = interval(value, factor, digits).partition(" ")
    return f"<td>{whole}{f'<br><small>{between}</small>' if between else ''}</td>"


def _drawn(gauge: Gauge) -> str:
    drawn = gauge.about.get("bootstrap", {}).get("drawn")
    return "pictures" if drawn == "picture" else f"{safe(gauge.scales[0])} classes"


def _prior_words(gauge: Gauge) -> str:
    chances = [f"{percent(p)}&#8239;% {safe(s)}" for s, p in zip(gauge.scales, gauge.scale_prior)]
    where = "two pictures of the data drawn at random" if gauge.prior == gauge.data_prior else "was set"
    return f"{where} ({listed(chances)})"
