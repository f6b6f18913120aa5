"""Reliability diagrams as a figure."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dyml.gauge.gauge import Gauge
from dyml.gauge.judged import Reliability
from dyml.report.palette import stand_in
from dyml.report.svg import INCH, NARROW
from dyml.report.text import short


def reliability_figure(gauge: Gauge, width: int) -> Figure:
    """Draw a reliability diagram for every scale: observed share over predicted probability."""
    narrow = width <= NARROW
    across = 1 if narrow else min(max(len(gauge.judged), 2), 3)
    down = -(-len(gauge.judged) // across)
    side = (width - 60 * across - 10) // across if not narrow else width - 76
    side = min(side, 300)
    height = down * (side + 92)
    figure = Figure(figsize=(width / INCH, height / INCH))
    for place, judged in enumerate(gauge.judged):
        x = 52 + (place % across) * (side + 64)
        y = height - (place // across) * (side + 92) - side - 40
        axes = figure.add_axes((x / width, y / height, side / width, side / height), facecolor="none")
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        axes.set_xlabel("predicted P(same)")
        if place % across == 0:
            axes.set_ylabel("observed share")
        axes.plot([0, 1], [0, 1], color=stand_in("soft"), linewidth=1, linestyle=(0, (1, 2.5)))
        colour = scale_colour(gauge.scales, place)
        _reliability_line(axes, judged.even, colour, filled=False)
        _reliability_line(axes, judged.data, colour, filled=True)
        axes.set_title(short(judged.scale, 24), loc="left", fontsize=13, fontweight="bold", pad=8)
        words = f"ECE {100 * judged.data.ece:.2g} %, even {100 * judged.even.ece:.2g} %"
        axes.text(1, 1.03, words, transform=axes.transAxes, ha="right", size=11, color=stand_in("soft"))
    return figure


def _reliability_line(axes: Axes, result: Reliability, colour: str, filled: bool, least: int = 10) -> None:
    bins = [row for row in result.bins if row.count >= least]
    if not bins:
        return
    xs, ys = [row.predicted for row in bins], [row.observed for row in bins]
    face = colour if filled else stand_in("card")
    axes.plot(xs, ys, color=colour, linewidth=1.4, alpha=1 if filled else 0.55, zorder=3)
    axes.plot(
        xs,
        ys,
        "o",
        color=colour,
        markerfacecolor=face,
        markersize=6,
        linestyle="none",
        zorder=4 + filled,
        clip_on=False,
    )


def scale_colour(scales: Sequence[str], scale: int) -> str:
    """Return the colour of a scale: that of the pairs whose finest shared scale it is."""
    return stand_in(f"level{len(scales) - scale}")
