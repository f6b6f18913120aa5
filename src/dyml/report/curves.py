"""Training curves from the `metrics.csv` that Lightning's CSV logger writes."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.float64]
Series = tuple[str, Line, Line]

_CLOCKS = ("epoch", "step")
_BLANKS = str.maketrans("_. ", "///")


@dataclass(frozen=True)
class Panel:
    """A few lines on one pair of axes.

    Attributes:
        title: what is drawn.
        unit: of the horizontal axis: `epoch` or `step`.
        series: name, positions and values of each line; one value or more.
        percent: whether values are shares, shown in per cent.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    percent: bool = False

    def shown(self, value: float) -> str:
        """Return a value as it is written at the end of its line."""
        return f"{value:.1f}" if self.percent else f"{value:.2g}" if abs(value) < 0.01 else f"{value:.3g}"


def read_curves(path: Path) -> tuple[dict[str, tuple[Line, Line]], str]:
    """Read every numeric column against the training's clock.

    The clock is the epoch as a fraction where both `epoch` and `step` are logged, else the one that is, else
    the row. Of rows written twice for one step, by a run that was resumed, the last counts. Cells that are
    empty or not finite are left out, and so are columns without any number.

    Args:
        path: a `metrics.csv`; one that is missing, empty or not a table has no curves.

    Returns:
        Positions and values by column name; and `epoch` or `step`.
    """
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            rows = [{key: _number(cell) for key, cell in row.items() if key} for row in csv.DictReader(file)]
    except (OSError, csv.Error):
        return {}, "step"
    clock, unit = _clock(rows)
    curves = {}
    for name in dict.fromkeys(key for row in rows for key in row if key not in _CLOCKS):
        points = {at: row[name] for at, row in zip(clock, rows) if row.get(name) is not None}
        if points:
            xs = sorted(points)
            curves[name] = np.array(xs), np.array([points[x] for x in xs], dtype=np.float64)
    return curves, unit


def panels(
    curves: Mapping[str, tuple[Line, Line]], unit: str, scales: Sequence[str], measures: Sequence[str]
) -> list[Panel]:
    """Sort curves into panels: loss, overall validation measures, mAP by scale, learning rate, the others.

    Args:
        curves: as `read_curves` gives them. A validation column ends in a measure's name and holds the name
            of its scale, or `overall`, as a part between `/`, `_`, `.` or blanks.
        unit: of the positions.
        scales: names, fine to coarse.
        measures: the names to look for.
    """
    loss, rates, other = [], [], []
    found: dict[tuple[str, str], Series] = {}
    for name, (xs, ys) in curves.items():
        place = _measure_of(name, ("overall", *scales), measures)
        if place:
            found[place] = (place[1], xs, ys * 100)
        elif "loss" in name.lower():
            loss.append((name, xs, ys))
        elif name.lower().startswith(("lr", "learning_rate")):
            rates.append((name, xs, ys))
        else:
            other.append((name, xs, ys))
    overall = [found["overall", m] for m in ("CMC@1", "mAP", "ASI") if ("overall", m) in found]
    by_scale = [(scale, *found[scale, "mAP"][1:]) for scale in scales if (scale, "mAP") in found]
    drawn = [
        Panel("Loss", unit, tuple(loss[:4])),
        Panel("Validation, mean over scales (%)", unit, tuple(overall), percent=True),
        Panel("Validation mAP by scale (%)", unit, tuple(by_scale[:6]), percent=True),
        Panel("Learning rate", unit, tuple(rates[:4])),
    ]
    if not loss and not overall:
        drawn.append(Panel("Logged values", unit, tuple(other[:6])))
    return [panel for panel in drawn if panel.series]


def thinned(xs: Line, ys: Line, most: int = 300) -> tuple[Line, Line, Line | None]:
    """Average a long line down to at most `most` points, and smooth it where it has more than 60.

    Returns:
        Positions, values, and the values under a running mean of a twentieth of their number, or None.
    """
    if len(xs) > most:
        parts = np.linspace(0, len(xs), most + 1).astype(int)[:-1]
        sizes = np.diff(np.r_[parts, len(xs)])
        xs, ys = np.add.reduceat(xs, parts) / sizes, np.add.reduceat(ys, parts) / sizes
    if len(xs) <= 60:
        return xs, ys, None
    reach = max(1, len(xs) // 40)
    kernel = np.ones(2 * reach + 1)
    weight = np.convolve(np.ones(len(ys)), kernel, mode="same")
    return xs, ys, np.convolve(ys, kernel, mode="same") / weight


def _clock(rows: Sequence[Mapping[str, float | None]]) -> tuple[list[float], str]:
    """Return where each row stands in training."""
    steps = [row.get("step") for row in rows]
    epochs = [row.get("epoch") for row in rows]
    last_step, last_epoch = _largest(steps), _largest(epochs)
    if last_step and last_epoch is not None:
        each = (last_step + 1) / (last_epoch + 1)
        return [(0.0 if step is None else step + 1) / each for step in steps], "epoch"
    for unit, values in (("step", steps), ("epoch", epochs)):
        if _largest(values) is not None:
            return [0.0 if value is None else value for value in values], unit
    return [float(place) for place in range(len(rows))], "step"


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _measure_of(name: str, groups: Sequence[str], measures: Sequence[str]) -> tuple[str, str] | None:
    """Return the scale and the measure that a column's name speaks of, or None."""
    for measure in sorted(measures, key=len, reverse=True):
        head = name[: -len(measure)]
        if name.endswith(measure) and (not head or head[-1] in "/_. "):
            words = f"/{head}/".translate(_BLANKS)
            named = [group for group in groups if f"/{group}/".translate(_BLANKS) in words]
            return (max(named, key=len), measure) if named else None
    return None


def _number(cell: object) -> float | None:
    try:
        value = float(str(cell))
    except ValueError:
        return None
    return value if np.isfinite(value) else None
