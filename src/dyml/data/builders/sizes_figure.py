"""The sizes of classes, largest first, as a drawing."""

import math

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 120, 48, 18, 8
_MOST_POINTS = 400


def sizes_figure(sizes: NDArray[np.int64]) -> str:
    """Draw how many pictures each class has, as SVG: classes along, pictures up on a logarithmic scale.

    Args:
        sizes: (C,) positive integers, descending.
    """
    top = math.log10(max(int(sizes[0]), 10))
    width, height = _WIDTH - _LEFT - 4, _HEIGHT - _BOTTOM - _TOP

    def y(size: float) -> float:
        return _TOP + height * (1 - math.log10(size) / top)

    shown = np.unique(np.linspace(0, len(sizes) - 1, _MOST_POINTS).astype(int))
    # A step a class, so that a few classes are seen as such; many run together into a curve.
    points = [f"{_LEFT},{_TOP + height}"]
    for place, after in zip(shown, [*shown[1:], len(sizes)]):
        level = f"{y(int(sizes[place])):.1f}"
        points += [f"{_LEFT + width * at / len(sizes):.1f},{level}" for at in (int(place), int(after))]
    points.append(f"{_LEFT + width},{_TOP + height}")
    marks = "".join(
        f'<line x1="{_LEFT}" x2="{_LEFT + width}" y1="{y(10**power):.1f}" y2="{y(10**power):.1f}" '
        f'stroke="currentColor" opacity=".15"/>'
        f'<text x="{_LEFT - 6}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:,}</text>'
        for power in range(int(top) + 1)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" font-size="11" fill="currentColor" '
        f'aria-label="pictures a class, {len(sizes):,} classes, from {sizes[0]:,} down to {sizes[-1]:,}">'
        f'{marks}<polygon points="{" ".join(points)}" fill="#3b7dd8" opacity=".75"/>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">pictures a class, {len(sizes):,} classes, largest first</text>'
        "</svg>"
    )
