"""The figure of the map: embeddings on a plane, coloured by their coarsest class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dyml.report.palette import MOST_CLASSES, class_marker, stand_in
from dyml.report.projection import Projection
from dyml.report.svg import INCH, NARROW
from dyml.report.text import short


def map_figure(
    projection: Projection, classes: NDArray[np.int64], labels: Sequence[tuple[int, str]], width: int
) -> Figure:
    """Draw the map: one point a picture, coloured and shaped by its class, with names on the largest groups.

    Args:
        projection: P points.
        classes: (P,) int64, the place of each point's class in the legend; from `MOST_CLASSES` on, the rest.
        labels: points and the names at them, most important first; those that would overlap are dropped.
        width: in pixels.
    """
    narrow = width <= NARROW
    points = projection.points - projection.points.mean(0)
    points = points @ np.linalg.svd(points.T @ points)[0]  # the longer side across
    middle, spans = (points.max(0) + points.min(0)) / 2, np.maximum(np.ptp(points, axis=0), 1e-6)
    height = round(width * float(np.clip(spans[1] / spans[0], *((0.75, 1.1) if narrow else (0.45, 0.72)))))
    reach = float((spans / [width, height]).max()) * 1.12 / 2
    figure = Figure(figsize=(width / INCH, height / INCH))
    axes = figure.add_axes((0, 0, 1, 1), facecolor="none")
    axes.set_axis_off()
    axes.set_xlim(middle[0] - reach * width, middle[0] + reach * width)
    axes.set_ylim(middle[1] - reach * height, middle[1] + reach * height)
    size = (9 if narrow else 24) * min(4.0, max(1.0, (600 / len(points)) ** 0.5))
    for place in range(MOST_CLASSES, -1, -1):
        mine = points[np.minimum(classes, MOST_CLASSES) == place]
        if len(mine):
            axes.scatter(
                mine[:, 0],
                mine[:, 1],
                s=size,
                marker=class_marker(place),
                color=stand_in(f"class{place}"),
                alpha=0.62,
                linewidths=0,
            )
    _name_groups(axes, points, labels, 10 if narrow else 11, (width, height))
    return figure


def _name_groups(
    axes: Axes,
    points: NDArray[np.float32],
    labels: Sequence[tuple[int, str]],
    size: int,
    shape: tuple[int, int],
) -> None:
    """Write names on the map, in order, leaving out those that would cross one already written."""
    corner, extent = np.array([axes.get_xlim()[0], axes.get_ylim()[0]]), np.array(shape)
    span = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    taken: list[tuple[float, float, float]] = []
    for place, name in labels:
        name = short(name, 24)
        x, y = (points[place] - corner) / span * extent
        half = 0.3 * size * len(name) + 3
        x = float(np.clip(x, half, shape[0] - half))
        if all(abs(x - x2) > half + half2 or abs(y - y2) > 1.4 * size for x2, y2, half2 in taken):
            taken.append((x, y, half))
            words = axes.text(
                x / shape[0],
                y / shape[1],
                name,
                transform=axes.transAxes,
                ha="center",
                va="center",
                size=size,
            )
            words.set_gid(f"halo{len(taken)}")
