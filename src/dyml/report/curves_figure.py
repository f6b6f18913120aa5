"""The figure of the training curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dyml.report.curves import Panel, thinned
from dyml.report.palette import stand_in
from dyml.report.svg import INCH, NARROW
from dyml.report.text import short


def curves_figure(panels: Sequence[Panel], width: int) -> Figure:
    """Draw the training curves: panels side by side, or one below the other on a phone."""
    across = 1 if width <= NARROW else min(2, len(panels))
    down = -(-len(panels) // across)
    height = 250 * down
    ends = [at for panel in panels for _, xs, _ in panel.series for at in (xs[0], xs[-1])]
    first, last = min(0.0, *ends), max(ends)
    figure = Figure(figsize=(width / INCH, height / INCH))
    for place, panel in enumerate(panels):
        column, line = place % across, place // across
        axes = figure.add_axes(
            (
                (column * width / across + 44) / width,
                (height - 250 * line - 205) / height,
                (width / across - 44 - 124) / width,
                170 / height,
            )
        )
        axes.set_title(panel.title, loc="left", size=12, weight="bold", color=stand_in("ink"), pad=10)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(panel.unit)
        axes.set_xlim(first, last + 0.01 * (last - first or 1.0))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=last - first >= 4))
        _lines(axes, panel)
    return figure


def _lines(axes: Axes, panel: Panel) -> None:
    """Draw the series of a panel and name each at its right end, names pushed apart where they meet."""
    ends = []
    for place, (name, xs, ys) in enumerate(panel.series):
        colour = stand_in(f"class{place}")
        xs, ys, smooth = thinned(xs, ys)
        if smooth is not None:
            axes.plot(xs, ys, color=colour, alpha=0.3, linewidth=0.8)
            ys = smooth
        style = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))[place % 4]
        axes.plot(xs, ys, color=colour, linewidth=1.8, linestyle=style, marker="o" if len(xs) == 1 else None)
        ends.append((float(ys[-1]), short(name, 14), colour))
    low, high = axes.get_ylim()
    places = pushed_apart([(end[0] - low) / (high - low) for end in ends], 0.085)
    for where, (last, name, colour) in zip(places, ends):
        axes.text(
            1.02,
            where,
            f"{name} {panel.shown(last)}",
            transform=axes.transAxes,
            va="center",
            color=colour,
            size=11,
        )


def pushed_apart(places: Sequence[float], gap: float) -> list[float]:
    """Move places in [0, 1] apart until neighbours are `gap` away, keeping their order and their middle.

    >>> pushed_apart([0.5, 0.5], 0.25)
    [0.375, 0.625]
    """
    groups: list[list[float]] = []
    order = sorted(range(len(places)), key=lambda i: places[i])
    for i in order:
        groups.append([places[i], 1.0])
        while len(groups) > 1:
            (centre, size), (below, count) = groups[-1], groups[-2]
            if centre - below >= gap * (size + count) / 2:
                break
            groups[-2:] = [[(centre * size + below * count) / (size + count), size + count]]
    spread = [centre + gap * (j - (size - 1) / 2) for centre, size in groups for j in range(int(size))]
    out = [0.0] * len(places)
    for i, place in zip(order, spread):
        out[i] = place
    return out
