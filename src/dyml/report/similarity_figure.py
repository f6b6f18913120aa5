"""The figure of the dynamic range: one density of similarity for every number of shared scales."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dyml.report.levels import level_name
from dyml.report.pairs import LevelPairs, density
from dyml.report.palette import stand_in
from dyml.report.svg import INCH, NARROW
from dyml.report.text import decimal, several, short


def similarity_figure(levels: Sequence[LevelPairs], scales: Sequence[str], width: int) -> Figure:
    """Draw one density a row, the finest shared scale on top, with medians and the middle 90 %."""
    narrow = width <= NARROW
    row, head = (104, 34) if narrow else (92, 10)
    height = row * len(levels) + head + 40
    figure = Figure(figsize=(width / INCH, height / INCH))
    left = 12 if narrow else 190
    axes = figure.add_axes(
        (left / width, 40 / height, (width - left - 14) / width, (height - 40) / height), facecolor="none"
    )
    low, high = similarity_range(levels)
    axes.set(xlim=(low, high), ylim=(0, row * len(levels) + head), yticks=[], xlabel="cosine similarity")
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    medians = []
    for place, pairs in enumerate(levels):
        floor = row * (len(levels) - 1 - place) + 22
        name = level_name(scales, pairs.level)
        words = f"same {short(name, 18)}" if pairs.level else "nothing shared"
        if 0 < pairs.level < len(scales):
            words += " only"
        count = several(pairs.total, "pair")
        if narrow:
            label = f"{words}  ·  {count}"
            axes.text(low, floor + row - 37, label, va="bottom", weight="bold", size=11)
        else:
            axes.text(
                -0.02, floor + 20, words, ha="right", transform=axes.get_yaxis_transform(), weight="bold"
            )
            axes.text(
                -0.02,
                floor + 4,
                count,
                ha="right",
                transform=axes.get_yaxis_transform(),
                color=stand_in("soft"),
            )
        if len(pairs.similarity):
            medians.append((pairs.quantile(0.5), floor))
            _ridge(axes, pairs, floor, 62 if narrow else 74, (low, high))
    if len(medians) > 1:
        xs, ys = zip(*medians)
        axes.plot(xs, ys, color=stand_in("ink"), linewidth=1, linestyle=(0, (1, 2.5)), zorder=4)
    return figure


def similarity_range(levels: Sequence[LevelPairs]) -> tuple[float, float]:
    """Return the ends of the similarity axis, on whole twentieths, at most 1."""
    ends = [(pairs.quantile(0.001), pairs.quantile(1.0)) for pairs in levels if len(pairs.similarity)]
    low = min((end[0] for end in ends), default=0.0)
    high = max((end[1] for end in ends), default=1.0)
    low = max(np.floor(low * 20 - 0.2) / 20, -1.0)
    return low, min(max(np.ceil(high * 20 + 0.2) / 20, low + 0.1), 1.0) if low < 0.9 else 1.0


def _ridge(axes: Axes, pairs: LevelPairs, floor: float, height: float, ends: tuple[float, float]) -> None:
    """Draw one density on its floor line: filled, the median as a line with its number, 5 to 95 % a bar."""
    colour = stand_in(f"level{pairs.level}")
    where, dense = density(np.clip(pairs.similarity, *ends), *ends)
    dense = dense / dense.max() * height
    axes.fill_between(where, floor, floor + dense, color=colour, alpha=0.28, linewidth=0)
    axes.plot(where, floor + dense, color=colour, linewidth=1.6)
    median = pairs.quantile(0.5)
    axes.plot([pairs.quantile(0.05), pairs.quantile(0.95)], [floor, floor], color=colour, linewidth=3)
    axes.plot([median, median], [floor, floor + np.interp(median, where, dense)], color=colour, linewidth=1.6)
    axes.plot(
        median,
        floor,
        "o",
        color=colour,
        markersize=8,
        markeredgecolor=stand_in("card"),
        zorder=5,
        clip_on=False,
    )
    share = (median - ends[0]) / (ends[1] - ends[0])
    align = "left" if share < 0.06 else "right" if share > 0.94 else "center"
    axes.text(median, floor - 7, decimal(median), ha=align, va="top", size=11, weight="bold")
