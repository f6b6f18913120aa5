"""A gauge and a comparison as text for the terminal."""

from collections.abc import Sequence
from itertools import groupby

from dyml.gauge.compare import Comparison
from dyml.gauge.criteria import parse_criterion
from dyml.gauge.gauge import Gauge
from dyml.gauge.marks import Estimate

DASH = "–"


def gauge_text(gauge: Gauge) -> str:
    """Return what `dyml gauge` prints."""
    parts = [str(gauge.about["data"])] if "data" in gauge.about else []
    parts += [_prior_line(gauge), _marks_table(gauge), _quality_table(gauge), "\n".join(range_lines(gauge))]
    return "\n\n".join(part for part in parts if part)


def range_lines(gauge: Gauge) -> tuple[str, str]:
    """Return the dynamic range as two lines: the decibels with the resolved scales, and the distances."""
    known = [(s, d.value) for s, d in zip(gauge.scales, gauge.range.distance) if d is not None]
    steps = ", ".join(f"{scale} {value:.3f}" for scale, value in known)
    ratio = "not defined"
    if gauge.range.decibels is not None:
        ratio = f"{interval(gauge.range.decibels, 1, 1)} dB from {gauge.scales[0]} to {gauge.scales[-1]}"
    return (
        f"Dynamic range: {ratio}; {gauge.range.resolved} of {len(gauge.scales)} scales resolved (EER below "
        f"{100 * gauge.range.bound:g} %).",
        f"Distances at equal errors: {steps or 'none'}.",
    )


def comparison_text(comparison: Comparison) -> str:
    """Return what `dyml compare-images` prints."""
    reading = comparison.reading
    rows = [
        [
            row.scale,
            "same" if row.same else "different",
            percent(row.probability),
            percent(chance),
            DASH if row.threshold is None else f"{row.threshold:.3f}",
        ]
        for row, chance in zip(reading.scales, comparison.prior)
    ]
    table = aligned([["scale", "verdict", "P(same) %", "prior %", "same from"], *rows])
    criterion = parse_criterion(comparison.criterion)
    return (
        f"similarity {reading.similarity:.4f}, distance {reading.distance:.4f}\n\n{table}\n\n"
        f"Same from: the lowest similarity that counts as the same ({criterion.words}).\n"
        f"Prior: how likely the same class is before the pictures are compared."
    )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def percent(value: float | None) -> str:
    """Return a share in percent with three digits that count, or a dash.

    >>> percent(0.5), percent(0.000815), percent(0.99996)
    ('50', '0.0815', '>99.9')
    """
    if value is None:
        return DASH
    if 0.9995 < value < 1:
        return ">99.9"
    if 0 < value < 1e-6:
        return "<0.0001"
    return f"{100 * value:.3g}"


def interval(estimate: Estimate | None, factor: float = 100, digits: int = 2) -> str:
    """Return a number with its interval, such as `1.53 [1.30, 1.84]`."""
    if estimate is None:
        return DASH
    text = f"{factor * estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{factor * estimate.low:.{digits}f}, {factor * estimate.high:.{digits}f}]"


def _prior_line(gauge: Gauge) -> str:
    chances = ", ".join(f"{percent(p)} % {s}" for s, p in zip(gauge.scales, gauge.scale_prior))
    origin = "as often as in the data" if gauge.prior == gauge.data_prior else "as it was set"
    return f"Prior P(same class) of two pictures, {origin}: {chances}."


def _marks_table(gauge: Gauge) -> str:
    head = [
        "scale",
        "threshold by",
        "similarity",
        "distance",
        "false accept %",
        "false reject %",
        "precision %",
    ]
    rows = [head]
    ordered = sorted(gauge.marks, key=lambda mark: gauge.scales.index(mark.scale))
    for scale, marks in groupby(ordered, key=lambda mark: mark.scale):
        for place, mark in enumerate(marks):
            rows.append(
                [
                    scale if place == 0 else "",
                    mark.criterion,
                    interval(mark.similarity, 1, 3),
                    f"{mark.distance.value:.3f}",
                    percent(mark.false_accept.value),
                    percent(mark.false_reject.value),
                    percent(mark.precision.value),
                ]
            )
    return aligned(rows)


def _quality_table(gauge: Gauge) -> str:
    judged = {row.scale: row for row in gauge.judged}
    rows = [
        ["scale", "EER %", "calibration", "ECE %", "even ECE %", "unseen: false accept %", "false reject %"]
    ]
    for scale, eer, choice in zip(gauge.scales, gauge.range.eer, gauge.choices):
        row = judged.get(scale)
        unseen = (
            [None] * 4 if row is None else [row.data.ece, row.even.ece, row.false_accept, row.false_reject]
        )
        rows.append([scale, interval(eer), choice.method, *map(percent, unseen)])
    return (
        f"{aligned(rows)}\nUnseen: at the eer threshold, on classes that the gauge was not fitted on; so is "
        f"the ECE (expected calibration error),\nunder the prior above and under the even one."
    )
