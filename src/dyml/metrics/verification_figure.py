"""ROC and DET of a verification, side by side, a line a scale."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dyml.errors import InputError
from dyml.files import atomic_path
from dyml.metrics.verification import Curve

ENDINGS = (".png", ".svg", ".pdf")
LEAST = 1e-5


def draw_curves(curves: Mapping[str, Curve], path: str | Path) -> None:
    """Draw TAR against FAR (ROC, FAR logarithmic) and FRR against FAR (DET, both logarithmic).

    Args:
        curves: by scale, from `dyml.metrics.verify`.
        path: a .png, .svg or .pdf file.

    Raises:
        InputError: another ending.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(f"{path}: a picture's name ends in {', '.join(ENDINGS)}")
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    roc, det = figure.subplots(1, 2)
    for scale, curve in curves.items():
        there = np.concatenate([[True], np.diff(curve.false_accepts) > 0])
        far = np.maximum(curve.false_accepts[there], LEAST)
        roc.plot(far, curve.true_accepts[there], label=scale)
        det.plot(far, np.maximum(curve.false_rejects[there], LEAST), label=scale)
    for axes, title, value in ((roc, "ROC", "true accepts"), (det, "DET", "false rejects")):
        axes.set(title=title, xlabel="false accepts", ylabel=value, xscale="log", xlim=(LEAST, 1))
        axes.grid(alpha=0.3)
        axes.legend()
    roc.set_ylim(0, 1)
    det.set(yscale="log", ylim=(LEAST, 1))
    with atomic_path(path) as part:
        figure.savefig(part, format=ending[1:], dpi=150)
