from pathlib import Path

import numpy as np
import pytest
from gauge_data import tree_data

from dyml.gauge import Gauge, fit_gauge, judged_on
from dyml.gauge.fitting import sample_for
from dyml.gauge.page import write_page
from dyml.gauge.tables import aligned, gauge_text, interval, percent


def drawn(
    embeddings: np.ndarray, labels: np.ndarray, scales: tuple[str, ...], target: Path
) -> tuple[Gauge, str]:
    gauge = judged_on(fit_gauge(embeddings, labels, scales, replicates=10), embeddings, labels)
    write_page(gauge, sample_for(gauge, embeddings, labels), target, "a <b> title")
    return gauge, target.read_text(encoding="utf-8")


@pytest.mark.parametrize("scales", [1, 5])
def test_one_scale_and_five_are_drawn(scales: int, tmp_path: Path) -> None:
    names = ("<fine>", "b", "c", "d", "e & f")[:scales]
    gauge, page = drawn(*tree_data(scales, branches=2), names, tmp_path / "g.html")
    assert "a &lt;b&gt; title" in page
    assert "<fine>" not in page
    assert page.count("same from") >= 2 * scales  # wide and narrow
    text = gauge_text(gauge)
    for name in names:
        assert f"\n{name}" in text


def test_degenerate_data_are_drawn(tmp_path: Path) -> None:
    _, labels = tree_data(2)
    drawn(np.tile([1.0, 0.0], (len(labels), 1)), labels, ("fine", "coarse"), tmp_path / "equal.html")
    labels[:, 1] = 0
    embeddings, _ = tree_data(2)
    gauge, page = drawn(embeddings, labels, ("fine", "coarse"), tmp_path / "single.html")
    assert "no pairs to tell" in page
    assert "Dynamic range: not defined" in gauge_text(gauge)


def test_numbers_in_the_table() -> None:
    assert [percent(value) for value in (None, 0.0, 1.0, 0.00012345, 0.99999)] == [
        "–",
        "0",
        "100",
        "0.0123",
        ">99.9",
    ]
    assert interval(None) == "–"
    assert aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
