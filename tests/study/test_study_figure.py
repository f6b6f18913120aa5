"""The figure of the conflict: labels keep apart, every method is named."""

from pathlib import Path

import numpy as np
import pytest
from fake_records import TITLES, records
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dyml.study.figure import draw_conflict, place_labels
from dyml.study.methods import SHIPPED

FINE = {"csl": [60.0, 61.0], "cosface": [60.1, 61.0], "tied": [60.0, 61.2], "n-pair": [40.0, 40.0]}
COARSE = {"csl": [50.0, 51.0], "cosface": [50.1, 51.0], "tied": [50.0, 51.2], "n-pair": [55.0, 55.0]}


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])


def test_labels_of_one_point_keep_apart() -> None:
    points = {str(i): (500.0, 300.0) for i in range(6)}
    boxes = place_labels(points, dict.fromkeys(points, 60.0), 12.0, (0, 0, 1000, 600))
    found = list(boxes.values())
    assert not any(overlap(a, b) for i, a in enumerate(found) for b in found[:i])
    assert not any(box[0] < 500 < box[2] and box[1] < 300 < box[3] for box in found)


@given(
    st.dictionaries(st.text("ab", min_size=1), st.tuples(st.floats(0, 800), st.floats(0, 500)), max_size=8)
)
def test_labels_stay_in_the_frame(points: dict[str, tuple[float, float]]) -> None:
    boxes = place_labels(points, dict.fromkeys(points, 80.0), 12.0, (0, 0, 800, 500))
    assert set(boxes) == set(points)
    for left, bottom, right, top in boxes.values():
        assert left >= -1
        assert bottom >= -1
        assert right <= 801
        assert top <= 501


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_figure_is_drawn(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"figure.{ending}"
    methods = {method.key: method for method in SHIPPED}
    draw_conflict(file, records(FINE, COARSE), methods, "glyphs")
    if ending == "svg":
        text = file.read_text(encoding="utf-8")
        assert all(f"<!-- {TITLES[key].removesuffix(' per scale')} -->" in text for key in FINE)
        first = file.read_bytes()
        draw_conflict(file, records(FINE, COARSE), methods, "glyphs")
        assert file.read_bytes() == first
    else:
        pixels = np.asarray(Image.open(file).convert("RGB"))
        assert (pixels[0] == 255).all()
        assert (pixels.std(axis=(0, 1)) > 10).all()
