"""The figure of the conflict: fine against coarse mAP, a point a method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dyml.files import atomic_path
from dyml.report.palette import variables
from dyml.study.methods import FAMILIES, Method
from dyml.study.records import Record, scales_of
from dyml.study.statistics import Spread
from dyml.study.words import spreads

MARKERS = ("o", "s", "^", "D", "P")
SIZE = (9.0, 6.0)
Box = tuple[float, float, float, float]  # left, bottom, right, top


def draw_conflict(
    file: Path, records: Sequence[Record], methods: Mapping[str, Method], set_name: str, name: str = "mAP"
) -> None:
    """Draw one set's methods: across the coarsest scale's measure, up the finest's, with deviations.

    Args:
        file: an SVG or PNG to write.
        records: of one set.
        methods: by short name.
        set_name: for the title.
        name: the measure.
    """
    scales = scales_of(records)
    fine, coarse = spreads(records, scales[0], name), spreads(records, scales[-1], name)
    colours = variables(1, "light")
    style = {"svg.hashsalt": "dyml", "font.size": 10.0, "text.parse_math": False}
    with rc_context(style):  # type: ignore[arg-type]
        figure = Figure(figsize=SIZE, facecolor="white")
        axes = figure.add_axes((0.08, 0.1, 0.89, 0.74))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(linewidth=0.5, color=colours["line"])
        axes.set_axisbelow(True)
        axes.set(xlabel=f"{scales[-1]} {name}, %", ylabel=f"{scales[0]} {name}, %")
        figure.suptitle(
            f"{set_name}: {scales[0]} against {scales[-1]} {name}", x=0.08, ha="left", weight="bold"
        )
        used = []
        for place, family in enumerate(FAMILIES):
            own = [key for key in fine if key in coarse and methods[key].family == family]
            for key in own:
                _point(axes, coarse[key], fine[key], colours[f"class{place}"], MARKERS[place])
            if own:
                used.append(
                    axes.plot([], [], MARKERS[place], color=colours[f"class{place}"], label=family)[0]
                )
        figure.legend(handles=used, loc="upper left", bbox_to_anchor=(0.07, 0.945), ncols=3, frameon=False)
        axes.margins(0.08)
        both = {key: (coarse[key], fine[key]) for key in fine if key in coarse}
        names = {key: methods[key].title.removesuffix(" per scale") for key in both}
        shades = {key: colours[f"class{FAMILIES.index(methods[key].family)}"] for key in both}
        _name_points(figure, axes, both, names, shades)
        with atomic_path(file) as part:
            figure.savefig(part, metadata={"Date": None} if file.suffix == ".svg" else None, dpi=160)


def _point(axes: Axes, x: Spread, y: Spread, colour: str, marker: str) -> None:
    axes.errorbar(
        x.mean,
        y.mean,
        xerr=x.std,
        yerr=y.std,
        fmt=marker,
        color=colour,
        elinewidth=1,
        capsize=2,
        markersize=7,
        markeredgecolor="white",
        zorder=3,
    )


def _name_points(
    figure: Figure,
    axes: Axes,
    points: Mapping[str, tuple[Spread, Spread]],
    titles: Mapping[str, str],
    shades: Mapping[str, str],
) -> None:
    """Write each method's name near its point, where it covers nothing, with a thin line to it."""
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    unit = figure.dpi / 72
    places, marks = {}, []
    for key, (x, y) in points.items():
        places[key] = tuple(axes.transData.transform((x.mean, y.mean)))
        low, high = (
            axes.transData.transform((x.mean + side * (x.std or 0), y.mean + side * (y.std or 0)))
            for side in (-1, 1)
        )
        across, up = places[key]
        marks += [
            (low[0], up - 2 * unit, high[0], up + 2 * unit),
            (across - 2 * unit, low[1], across + 2 * unit, high[1]),
        ]
    widths = {key: 5.8 * unit * len(titles[key]) for key in points}
    boxes = place_labels(places, widths, 12 * unit, tuple(axes.bbox.extents), marks)
    back = axes.transData.inverted()
    for key, (left, bottom, right, top) in boxes.items():
        near = min(max(places[key][0], left), right)
        side = (near - left) / (right - left)
        axes.annotate(
            titles[key],
            xy=(points[key][0].mean, points[key][1].mean),
            xytext=tuple(back.transform((left, (bottom + top) / 2))),
            va="center",
            size=9,
            color=shades[key],
            zorder=5,
            arrowprops={
                "arrowstyle": "-",
                "color": "#9aa1aa",
                "linewidth": 0.7,
                "shrinkA": 0,
                "shrinkB": 4,
                "relpos": (side, 0.5),
                "zorder": 2,
            },
        )


def place_labels(
    points: Mapping[str, tuple[float, ...]],
    widths: Mapping[str, float],
    height: float,
    frame: Sequence[float],
    covered: Sequence[Box] = (),
) -> dict[str, Box]:
    """Choose a box for each label near its point: few overlaps, and within the frame.

    Args:
        points: by key, (x, y).
        widths: by key, of its label.
        height: of a label, in the same unit.
        frame: left, bottom, right, top of what must not be left.
        covered: further boxes to keep off.
    """
    placed: dict[str, Box] = {}
    half = 0.5 * height
    marks = [*covered, *((x - half, y - half, x + half, y + half) for x, y in points.values())]
    for key in sorted(points, key=lambda key: points[key]):
        x, y = points[key]
        best: tuple[float, Box] | None = None
        for ring in (0.9, 1.6, 2.4, 3.4, 4.6, 6.0, 8.0):
            for across, up in ((1, 0), (1, 0.7), (1, -0.7), (0, 1), (0, -1), (-1, 0), (-1, 0.7), (-1, -0.7)):
                box = _box(x + across * ring * height, y + up * ring * height, across, widths[key], height)
                cost = (
                    ring + 6 * sum(_overlap(box, other) for other in (*placed.values(), *marks)) / height**2
                )
                outside = max(frame[0] - box[0], box[2] - frame[2], frame[1] - box[1], box[3] - frame[3], 0.0)
                cost += 50 * outside / height
                if best is None or cost < best[0]:
                    best = cost, box
        assert best is not None
        placed[key] = best[1]
    return placed


def _box(x: float, y: float, across: int, width: float, height: float) -> Box:
    left = x if across > 0 else x - width if across < 0 else x - width / 2
    return left, y - height / 2, left + width, y + height / 2


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
