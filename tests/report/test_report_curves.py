"""Reading logged curves and sorting them into panels."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dyml.report.curves import panels, read_curves, thinned
from dyml.report.curves_figure import pushed_apart

MEASURES = ("mAP", "ASI", "CMC@1", "mAP@R")
SCALES = ("fine", "middle", "coarse")


def write(path: Path, text: str) -> Path:
    file = path / "metrics.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_sparse_rows_become_curves_over_epochs(tmp_path: Path) -> None:
    file = write(
        tmp_path, "epoch,step,loss,validation overall mAP\n0,0,9.0,\n0,4,,0.5\n1,5,3.0,\n1,9,,0.75\n"
    )
    curves, unit = read_curves(file)
    assert unit == "epoch"
    assert_allclose(curves["loss"], [[0.2, 1.2], [9.0, 3.0]])
    assert_allclose(curves["validation overall mAP"], [[1.0, 2.0], [0.5, 0.75]])


def test_the_last_row_of_a_step_counts_and_rows_are_put_in_order(tmp_path: Path) -> None:
    curves, unit = read_curves(write(tmp_path, "step,loss\n0,5\n2,3\n1,4\n2,1\n"))
    assert unit == "step"
    assert_allclose(curves["loss"], [[0, 1, 2], [5, 4, 1]])


def test_rows_without_a_clock_are_counted(tmp_path: Path) -> None:
    curves, unit = read_curves(write(tmp_path, "loss\n5\n4\n"))
    assert unit == "step"
    assert_allclose(curves["loss"], [[0, 1], [5, 4]])


@pytest.mark.parametrize(
    "text",
    ["", "epoch,step,loss\n", "epoch,step,loss\n0,0,\n0,1,nan\n0,2,inf\n", "no table\n", "a,b\n\0,\0\n"],
)
def test_files_without_values_have_no_curves(tmp_path: Path, text: str) -> None:
    assert panels(*read_curves(write(tmp_path, text)), SCALES, MEASURES) == []


def test_a_missing_file_and_a_folder_have_no_curves(tmp_path: Path) -> None:
    assert read_curves(tmp_path / "none.csv") == ({}, "step")
    assert read_curves(tmp_path) == ({}, "step")


@pytest.mark.parametrize("style", ["validation {} {}", "val/{}/{}", "val_{}_{}", "{}.{}"])
def test_validation_measures_are_found_by_scale_in_any_style(style: str) -> None:
    line = np.array([1.0]), np.array([0.5])
    names = [
        (group, measure) for group in ("overall", *SCALES) for measure in ("mAP", "ASI", "CMC@1", "mAP@R")
    ]
    curves = {"loss": line, "lr-SGD": line, **{style.format(*name): line for name in names}}
    drawn = panels(curves, "epoch", SCALES, MEASURES)
    assert [panel.title for panel in drawn] == [
        "Loss",
        "Validation, mean over scales (%)",
        "Validation mAP by scale (%)",
        "Learning rate",
    ]
    assert [name for name, _, _ in drawn[1].series] == ["CMC@1", "mAP", "ASI"]
    assert [name for name, _, _ in drawn[2].series] == list(SCALES)
    assert drawn[1].series[0][2].tolist() == [50.0]


def test_a_scale_name_is_matched_as_whole_words() -> None:
    line = np.array([1.0]), np.array([0.5])
    curves = {"val refined mAP": line, "val_product_type_mAP": line, "val_type_mAP": line}
    drawn = panels(curves, "epoch", ("fine", "product_type", "type"), MEASURES)
    assert [name for name, _, _ in drawn[0].series] == ["product_type", "type"]


def test_other_values_are_drawn_where_there_is_no_loss() -> None:
    line = np.array([1.0]), np.array([0.5])
    assert [panel.title for panel in panels({"speed": line}, "step", SCALES, MEASURES)] == ["Logged values"]


def test_long_lines_are_thinned_and_smoothed_without_bias() -> None:
    xs = np.arange(5000.0)
    ys = 2 + np.random.default_rng(0).normal(size=5000)
    few, values, smooth = thinned(xs, ys)
    assert smooth is not None
    assert len(few) == len(values) == len(smooth) == 300
    assert values.mean() == pytest.approx(ys.mean(), abs=0.01)
    assert smooth.std() < values.std() < ys.std()
    assert thinned(xs[:30], ys[:30])[2] is None


def test_labels_are_pushed_apart_in_order() -> None:
    places = pushed_apart([0.5, 0.1, 0.51, 0.49], 0.1)
    assert places[1] == 0.1
    assert places[3] < places[0] < places[2]
    assert np.diff(sorted(places)).min() >= 0.1 - 1e-9
    assert pushed_apart([], 0.1) == []
