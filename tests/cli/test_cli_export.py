"""`dyml export` writes, checks, judges; what is missing is one line."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dyml.cli import main
from dyml.data import write_manifest
from dyml.export import open_onnx
from dyml.models import Embedder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    Embedder("dyml_small", dim=8, image_size=16, backbone_args={"width": 4}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    names = [f"{i}.png" for i in range(12)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (20, 18, 3), dtype=np.uint8)).save(folder / name)
    kinds = [f"k{i // 3}" for i in range(12)]
    splits = ["train"] * 6 + ["test"] * 6
    columns = {"path": names, "fine": kinds, "coarse": [f"c{i // 6}" for i in range(12)], "split": splits}
    write_manifest(columns, folder / "manifest.csv")
    return folder


def dyml(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dyml", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def test_a_model_folder_gets_its_export(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dyml(monkeypatch, "export", model) == 0
    said = capsys.readouterr().out
    assert "model.onnx: float32" in said
    assert "3 x 16 x 16 bytes to 8 numbers" in said
    assert "agrees with PyTorch" in said
    assert "mAP" not in said
    assert open_onnx(model).dim == 8
    assert (model / "model.onnx.json").is_file()


def test_int8_is_judged_on_labelled_pictures(
    model: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ("--int8", "--data", pictures, "--split", "test")
    assert dyml(monkeypatch, "export", model, tmp_path / "small.onnx", *options, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["description"]["precision"] == "int8 static"
    assert set(said["results"]) == {"float32", "int8"}
    assert said["results"]["int8"]["fine"]["queries"] == 6
    assert said["difference"] < 1e-5
    assert {path.name for path in tmp_path.iterdir()} == {"small.onnx", "small.onnx.json"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("out.pt",), "an ONNX file ends in .onnx"),
        (("out.onnx", "--opset", "9"), "opset 9: choose one from 18 to 23"),
        (("out.onnx", "--data.manifest", "m.csv"), "name the folder, too"),
        (("out.onnx", "--int8"), "name a folder of pictures with --data"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    model: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dyml(monkeypatch, "export", model, *options) == 2
    said = capsys.readouterr()
    assert said.err.startswith("Error: ")
    assert text in said.err
    assert len(said.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_told_before_the_work(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert dyml(monkeypatch, "export", model, tmp_path / "m.onnx") == 2
    assert capsys.readouterr().err == 'Error: ONNX models need onnxscript: pip install "dyml[export]"\n'
