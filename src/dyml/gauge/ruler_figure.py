"""The ruler as a figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dyml.gauge.choosing import Sample
from dyml.gauge.gauge import Gauge
from dyml.gauge.pairs import Floats
from dyml.gauge.reliability_figure import scale_colour
from dyml.report.levels import level_name
from dyml.report.pairs import density
from dyml.report.palette import stand_in
from dyml.report.svg import INCH, NARROW
from dyml.report.text import decimal, percent, short

_DISTANCES = (1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.0, 0.8, 0.6, 0.4, 0.2)


def ruler_figure(gauge: Gauge, sample: Sample, width: int) -> Figure:
    """Draw densities of the pairs, the ruler with a row of marks for every scale, and the probabilities."""
    narrow = width <= NARROW
    left, right, top, foot, gap = (14, 14, 44, 44, 34) if narrow else (96, 20, 44, 44, 30)
    rows = [170, 40 * len(gauge.scales) + 6, 150]
    height = top + sum(rows) + 2 * gap + foot
    figure = Figure(figsize=(width / INCH, height / INCH))
    low, high = _ends(sample.similarity)
    floor, panels = height - top, []
    for tall in rows:
        floor -= tall
        box = (left / width, floor / height, (width - left - right) / width, tall / height)
        panels.append(figure.add_axes(box, facecolor="none", xlim=(low, high)))
        floor -= gap
    _densities(panels[0], gauge, sample, (low, high), width - left - right)
    _marks(panels[1], gauge, narrow)
    _probabilities(panels[2], gauge, (low, high), narrow)
    _distance_axis(panels[0], low, high, narrow)
    for axes in panels:
        for m in range(len(gauge.scales)):
            mark = gauge.mark(m)
            if mark is not None:
                axes.axvline(
                    mark.similarity.value, color=scale_colour(gauge.scales, m), linewidth=1.2, zorder=1
                )
    return figure


def _densities(axes: Axes, gauge: Gauge, sample: Sample, ends: tuple[float, float], pixels: float) -> None:
    scales = gauge.scales
    axes.set(yticks=[])
    axes.spines["left"].set_visible(False)
    axes.tick_params(labelbottom=False)
    peaks: list[tuple[float, str, str]] = []
    for level in range(len(scales) + 1):
        values = sample.similarity[sample.pairs.shared == level]
        if not len(values):
            continue
        colour = stand_in(f"level{level}")
        where, dense = density(np.clip(values, *ends), *ends)
        dense = dense / dense.max()
        axes.fill_between(where, 0, dense, color=colour, alpha=0.2, linewidth=0)
        axes.plot(where, dense, color=colour, linewidth=1.6)
        name = level_name(scales, level)
        words = "nothing shared" if level == 0 else f"same {short(name, 14)}"
        peaks.append((float(where[dense.argmax()]), words, colour))
    _spread_labels(axes, peaks, ends, pixels)


def _spread_labels(
    axes: Axes, peaks: list[tuple[float, str, str]], ends: tuple[float, float], pixels: float
) -> None:
    """Write a name above each peak, on a line of its own where names would meet."""
    span = ends[1] - ends[0]
    taken: list[float] = []  # where the last name of each line ends
    for where, words, colour in sorted(peaks):
        wide = 8.0 * len(words) / pixels * span
        left = min(max(where - wide / 2, ends[0]), ends[1] - wide)
        line = next((place for place, end in enumerate(taken) if end <= left), len(taken))
        taken[line : line + 1] = [left + wide]
        axes.text(
            left + wide / 2,
            1.04 + 0.12 * line,
            words,
            ha="center",
            size=11,
            weight="bold",
            color=colour,
            gid=f"halo-{line}",
        )
    axes.set_ylim(0, 1.04 + 0.12 * max(len(taken), 2))


def _marks(axes: Axes, gauge: Gauge, narrow: bool) -> None:
    """Draw a row a scale: from the mark on, pictures are the same; the bar is the interval."""
    count = len(gauge.scales)
    low, high = axes.get_xlim()
    axes.set(ylim=(-0.15, count), yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False)
    for m, scale in enumerate(gauge.scales):
        floor, colour, mark = count - 1 - m + 0.42, scale_colour(gauge.scales, m), gauge.mark(m)
        name = short(scale, 12)
        if narrow:
            axes.text(low, floor + 0.2, name, weight="bold", size=11, color=colour)
        else:
            axes.text(
                -0.015,
                floor,
                name,
                ha="right",
                va="center",
                weight="bold",
                transform=axes.get_yaxis_transform(),
            )
        axes.plot([low, high], [floor, floor], color=stand_in("line"), linewidth=1.4, zorder=0)
        if mark is None:
            axes.text((low + high) / 2, floor, "no pairs to tell", ha="center", va="bottom", size=11)
            continue
        value = mark.similarity
        axes.plot([value.value, high], [floor, floor], color=colour, linewidth=6, alpha=0.35, zorder=1)
        if value.low is not None and value.high is not None:
            axes.plot([value.low, value.high], [floor, floor], color=colour, linewidth=3.2, zorder=4)
        axes.plot(
            value.value, floor, "o", color=colour, markersize=8, markeredgecolor=stand_in("card"), zorder=5
        )
        words = f"same from {decimal(value.value)}, EER {percent(mark.eer)} %"
        align = "right" if (value.value - low) / (high - low) > 0.6 else "left"
        away = 0.012 * (high - low) * (1 if align == "left" else -1)
        axes.text(
            value.value + away, floor - 0.2, words, va="top", ha=align, size=11, gid=f"halo-mark{m}", zorder=6
        )
        even = gauge.mark(m, "p=0.5")
        if even is not None and low <= even.similarity.value <= high:
            axes.plot(even.similarity.value, floor, "D", color=colour, markersize=5, zorder=4)


def _probabilities(axes: Axes, gauge: Gauge, ends: tuple[float, float], narrow: bool) -> None:
    where = np.linspace(*ends, 400)
    table = gauge.probability(where)
    axes.set(ylim=(0, 1.02), xlabel="cosine similarity")
    axes.grid(axis="y", linewidth=0.6)
    if narrow:
        axes.set_yticks((0.5, 1), labels=("½", "1"))
        axes.tick_params(axis="y", direction="in", pad=-16)
    else:
        axes.set_yticks((0, 0.5, 1))
        axes.set_ylabel("P(same)")
    for m in range(len(gauge.scales)):
        axes.plot(where, table[:, m], color=scale_colour(gauge.scales, m), linewidth=1.8, zorder=3)


def _distance_axis(axes: Axes, low: float, high: float, narrow: bool) -> None:
    """Write distances along the top."""
    shown = [d for d in _DISTANCES[:: 2 if narrow else 1] if low <= 1 - d * d / 2 <= high]
    above = axes.twiny()
    above.set_xlim(low, high)
    above.set_xticks([1 - d * d / 2 for d in shown], labels=[f"{d:g}" for d in shown])
    above.set_xlabel("distance", labelpad=6)
    above.spines["top"].set_visible(True)
    above.spines["left"].set_visible(False)


def _ends(similarity: Floats) -> tuple[float, float]:
    """Return the ends of the similarity axis, on whole twentieths."""
    low, high = float(np.quantile(similarity, 0.0005)), float(similarity.max())
    low = max(np.floor(low * 20 - 0.2) / 20, -1.0)
    return low, min(max(np.ceil(high * 20 + 0.2) / 20, low + 0.1), 1.0) if low < 0.9 else 1.0
