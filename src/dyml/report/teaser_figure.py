"""The drawing behind the teaser: tiles on top, densities below, on one pair of axes in pixels."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image, ImageOps

from dyml.data.channels import in_order
from dyml.data.images import open_image
from dyml.data.manifest import Manifest
from dyml.errors import DymlError
from dyml.report.groups import Group
from dyml.report.levels import level_name
from dyml.report.pairs import LevelPairs, density
from dyml.report.palette import level_colours
from dyml.report.similarity_figure import similarity_range
from dyml.report.text import decimal, short

WIDTH, HEIGHT = 1600, 700
_INK, _SOFT, _LINE = "#1a1d21", "#5c636d", "#dfe3e8"
_LEFT, _RIGHT, _TILE, _GAP, _FLOOR = 400, 1545, 124, 12, 640


def teaser_figure(
    manifest: Manifest, row: int, groups: Sequence[Group], levels: Sequence[LevelPairs]
) -> Figure:
    """Draw the query on the left, its groups on top and the densities of all pairs below them."""
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    card = FancyBboxPatch((3, 3), WIDTH - 6, HEIGHT - 6, boxstyle="round,pad=0,rounding_size=22")
    card.set(facecolor="white", edgecolor=_LINE, linewidth=2)
    axes.add_patch(card)

    names = [
        manifest.taxonomy.name(scale, label) for scale, label in enumerate(manifest.labels[row].tolist())
    ]
    _query(axes, manifest, row, names)
    colours = level_colours(len(manifest.scales))
    peaks = _densities(axes, levels, colours)
    width = (WIDTH - 12 - _LEFT) / max(len(groups), 1)
    for place, group in enumerate(groups):
        left = _LEFT + place * width
        _heading(axes, manifest, group.level, (left, width), colours[group.level], names)
        _tiles(axes, manifest, group, left, colours[group.level], peaks.get(group.level))
    axes.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    return figure


def _query(axes: Axes, manifest: Manifest, row: int, names: Sequence[str]) -> None:
    axes.text(48, 62, "query", size=23, weight="bold", color=_INK, va="center")
    _picture(axes, manifest, row, 48, 108, 270, _INK, "-")
    lines = textwrap.wrap(short(names[0], 80), 17, max_lines=2, placeholder="…")
    bold = len(lines)
    lines += [short(name, 20) for name in dict.fromkeys(names[1:]) if name != names[0]][:3]
    for place, line in enumerate(lines):
        weight, colour = ("bold", _INK) if place < bold else ("normal", _SOFT)
        axes.text(48, 412 + 33 * place, line, weight=weight, color=colour, va="center", size=20)


def _heading(
    axes: Axes,
    manifest: Manifest,
    level: int,
    box: tuple[float, float],
    colour: str,
    names: Sequence[str],
) -> None:
    """Write what a group shares with the query from `box[0]` on, `box[1]` wide."""
    left, width = box
    scales = manifest.scales
    same = "same " if width > 250 else ""
    head = f"{same}{level_name(scales, level)}" if level else "nothing shared" if same else "nothing"
    known = names[len(scales) - level] if level else f"other {scales[-1]}"
    axes.text(left, 48, short(head, int(width / 18)), weight="bold", color=colour, va="center", size=22)
    axes.text(left, 82, short(known, int(width / 17)), color=_SOFT, va="center", size=18)


def _tiles(
    axes: Axes,
    manifest: Manifest,
    group: Group,
    left: float,
    colour: str,
    peak: tuple[float, float] | None,
) -> None:
    """Draw the pictures of a group with their similarities, and a line down to the group's density."""
    for place, (near, value) in enumerate(zip(group.rows.tolist(), group.similarity.tolist())):
        x = left + place * (_TILE + _GAP)
        _picture(axes, manifest, near, x, 108, _TILE, colour, "-" if group.level else (0, (2.2, 1.1)))
        axes.text(x + _TILE / 2, 258, decimal(value), ha="center", va="center", size=19, color=_INK)
    if peak is not None:
        middle = left + (len(group.rows) * (_TILE + _GAP) - _GAP) / 2
        across, down = [middle, middle, peak[0], peak[0]], [280, 300, 350, peak[1]]
        axes.plot(across, down, color=colour, linewidth=2, linestyle=(0, (1, 1.6)))


def _densities(
    axes: Axes, levels: Sequence[LevelPairs], colours: Sequence[str]
) -> dict[int, tuple[float, float]]:
    """Draw all densities over one axis, high similarity on the left; return the top of each median line."""
    low, high = similarity_range(levels)
    stretch = (_RIGHT - _LEFT) / (high - low)
    axes.plot([_LEFT, _RIGHT], [_FLOOR, _FLOOR], color=_LINE, linewidth=2)
    step = 0.2 if high - low > 0.5 else 0.1 if high - low > 0.25 else 0.05
    for tick in range(int(np.ceil(low / step - 1e-6)), int(np.floor(high / step + 1e-6)) + 1):
        at = _RIGHT - (tick * step - low) * stretch
        words = decimal(tick * step, 1 if step >= 0.1 else 2)
        axes.text(at, _FLOOR + 24, words, ha="center", va="center", size=18, color=_SOFT)
    for place, words in enumerate(("similarity of", "all pairs")):
        axes.text(_LEFT - 24, _FLOOR - 34 + 30 * place, words, ha="right", va="center", size=20, color=_SOFT)
    peaks = {}
    for pairs in reversed(levels):
        if not len(pairs.similarity):
            continue
        where, dense = density(np.clip(pairs.similarity, low, high), low, high)
        height = dense / dense.max() * 230
        across, colour = _RIGHT - (where - low) * stretch, colours[pairs.level]
        axes.fill_between(across, _FLOOR, _FLOOR - height, color=colour, alpha=0.22, linewidth=0)
        axes.plot(across, _FLOOR - height, color=colour, linewidth=3)
        median = pairs.quantile(0.5)
        peak = _RIGHT - (median - low) * stretch, _FLOOR - float(np.interp(median, where, height))
        axes.plot([peak[0], peak[0]], [_FLOOR, peak[1]], color=colour, linewidth=2)
        peaks[pairs.level] = peak
    return peaks


def _picture(
    axes: Axes, manifest: Manifest, row: int, left: float, top: float, side: int, colour: str, style: Any
) -> None:
    """Draw a square picture with a frame; one that cannot be opened is a grey square."""
    try:
        opened = in_order(open_image(manifest.full_path(row), min_size=side), manifest.channel_order)
        picture = ImageOps.fit(opened, (side, side), Image.Resampling.LANCZOS)
    except (DymlError, OSError, ValueError):
        picture = Image.new("RGB", (side, side), "#e3e6ea")
    # Images lie below patches unless told otherwise, and the card is a patch.
    axes.imshow(np.asarray(picture), extent=(left, left + side, top + side, top), zorder=2)
    frame = FancyBboxPatch((left - 1, top - 1), side + 2, side + 2, boxstyle="round,pad=0,rounding_size=6")
    frame.set(facecolor="none", edgecolor=colour, linewidth=4, linestyle=style, zorder=3)
    axes.add_patch(frame)
