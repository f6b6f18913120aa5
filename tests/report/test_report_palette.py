"""Colours keep apart, for readers with other colour sight, too, and can be read on their page."""

from itertools import combinations

import numpy as np
import pytest

from dyml.report.palette import level_colours, stand_in, variables

# Machado et al., "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
SIGHT = {
    "usual": np.eye(3),
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb.clip(0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(a: str, b: str) -> float:
    dark, bright = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (a, b))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("scales", "least"), [(1, 40), (2, 25), (3, 15), (4, 10), (5, 7)])
def test_levels_keep_apart(scales: int, least: float, theme: str, sight: str) -> None:
    seen = [lab(np.array(SIGHT[sight]) @ linear(colour)) for colour in level_colours(scales, theme)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) >= least


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_can_be_read_on_their_cards(theme: str) -> None:
    colours = variables(5, theme)
    for name, colour in colours.items():
        if name not in ("line", "card", "page"):
            words = name in ("ink", "soft") or (name.startswith("class") and name != "class8")
            assert contrast(colour, colours["card"]) >= (4.5 if words else 3.0), name


def test_stand_ins_are_all_different() -> None:
    names = [name for name in variables(9, "light") if name != "page"]
    assert len({stand_in(name) for name in names}) == len(names)
