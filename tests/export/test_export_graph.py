"""What is exported gives PyTorch's vectors for any number of pictures, and says what it takes."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from dyml.errors import ConfigError, InputError, RunError
from dyml.export import OnnxEmbedder, compare_with_torch, export_onnx, open_onnx, read_description
from dyml.export.checking import random_pictures
from dyml.export.extras import onnx_module
from dyml.index.models import fingerprint
from dyml.models import Embedder
from dyml.models.embedding import embed_batches


def test_any_number_of_pictures_agrees_with_torch(embedder: Embedder, exported: Path) -> None:
    pictures = random_pictures(embedder, sizes=(1, 2, 3, 17))
    agreement = compare_with_torch(embedder, OnnxEmbedder(exported), pictures)
    assert agreement.pictures == 23
    assert agreement.close
    assert agreement.difference < 1e-5
    assert agreement.cosine > 0.99999


def test_another_model_does_not_agree(embedder: Embedder, exported: Path) -> None:
    torch.manual_seed(5)
    other = Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4}).eval()
    agreement = compare_with_torch(other, OnnxEmbedder(exported), random_pictures(embedder))
    assert not agreement.close
    assert agreement.cosine < 0.9


def test_the_runtime_alone_needs_only_what_the_json_says(embedder: Embedder, exported: Path) -> None:
    told = json.loads(exported.with_name("model.onnx.json").read_text())
    assert (told["input"]["name"], told["input"]["type"]) == ("images", "uint8")
    assert told["input"]["shape"] == ["batch", 3, 16, 16]
    assert told["mean"] == [0.485, 0.456, 0.406]
    assert told["scales"] == ["kind", "family"]
    assert "20 pixels" in " ".join(told["preprocessing"])
    session = onnxruntime.InferenceSession(str(exported))
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16), dtype=np.uint8)
    (rows,) = session.run([told["output"]["name"]], {told["input"]["name"]: images})
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows, embedder(torch.from_numpy(images)).detach(), atol=1e-5)


def test_the_description_is_in_the_file_too(embedder: Embedder, exported: Path) -> None:
    described = read_description(exported)
    assert (described.dim, described.precision, described.opset) == (12, "float32", 20)
    assert described.weights == fingerprint(embedder)
    model = onnx.load(exported)
    onnx.checker.check_model(model)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] == 20
    assert not list(exported.parent.glob("*.data"))


def test_it_stands_where_an_embedder_does(embedder: Embedder, exported: Path) -> None:
    model = OnnxEmbedder(exported, threads=1)
    assert (model.dim, model.channels, model.image_size, model.resize) == (12, 3, 16, 20)
    assert fingerprint(model) == fingerprint(embedder)
    assert not model.training
    rows = embed_batches(
        model, [torch.zeros(2, 3, 16, 16, dtype=torch.uint8), torch.zeros(0, 3, 16, 16).byte()]
    )
    assert rows.shape == (2, 12)
    assert rows.dtype == np.float32


@pytest.mark.parametrize(
    "images",
    [torch.zeros(2, 3, 16, 16), torch.zeros(3, 16, 16).byte(), torch.zeros(2, 3, 18, 16).byte(), [1]],
)
def test_other_shapes_and_types_are_refused(exported: Path, images: object) -> None:
    with pytest.raises(InputError, match="must be a uint8 tensor"):
        OnnxEmbedder(exported)(images)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "size", "options"),
    [
        ("resnet18", 64, {"pooling": "gem", "layer_norm": True}),
        ("resnet18", 33, {"channels": 1, "head": "scales", "scales": 2, "opset": 18}),
        ("vit_tiny_patch16_224", 32, {"backbone_args": {"depth": 2}}),
    ],
)
def test_backbones_of_timm_agree_with_torch(
    backbone: str, size: int, options: dict[str, object], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    opset = int(str(options.pop("opset", 20)))
    model = Embedder(backbone, dim=8, image_size=size, **options).eval()  # type: ignore[arg-type]
    for module in model.modules():  # batch statistics as of a trained network
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    described = export_onnx(model, tmp_path / "m.onnx", opset)
    assert described.opset == opset
    agreement = compare_with_torch(model, OnnxEmbedder(tmp_path / "m.onnx"), random_pictures(model))
    assert agreement.difference < 1e-4


@pytest.mark.parametrize(("opset", "name"), [(17, "m.onnx"), (24, "m.onnx"), (20, "m.pt")])
def test_options_are_checked_before_anything_is_written(
    embedder: Embedder, tmp_path: Path, opset: int, name: str
) -> None:
    with pytest.raises(ConfigError, match=r"opset|ends in"):
        export_onnx(embedder, tmp_path / name, opset)
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written(embedder: Embedder, exported: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    described = read_description(exported)
    from dyml.export.description import write_description

    with pytest.raises(RunError, match="is a file, not a folder"):
        write_description(described, tmp_path / "file" / "m.onnx")


def test_a_missing_extra_is_one_line() -> None:
    with pytest.raises(RunError) as caught:
        onnx_module("onnx_that_is_missing.part")
    text = str(caught.value)
    assert text == 'ONNX models need onnx_that_is_missing: pip install "dyml[export]"'


def test_files_that_are_none(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no ONNX model"):
        OnnxEmbedder(tmp_path / "m.onnx")
    (tmp_path / "m.onnx").write_bytes(b"not onnx")
    with pytest.raises(RunError, match="cannot be run by ONNX Runtime"):
        OnnxEmbedder(tmp_path / "m.onnx")
    with pytest.raises(RunError, match="is not an ONNX model"):
        read_description(tmp_path / "m.onnx")
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(RunError, match="does not say how pictures become its input"):
        OnnxEmbedder(tmp_path / "bare.onnx")
    onnx.helper.set_model_props(model, {"dyml": '{"format": 2}'})
    onnx.save(model, tmp_path / "later.onnx")
    with pytest.raises(RunError, match="its description cannot be read, format"):
        OnnxEmbedder(tmp_path / "later.onnx")


def test_a_model_folder_opens_its_export_alone(embedder: Embedder, exported: Path, tmp_path: Path) -> None:
    embedder.save_pretrained(tmp_path)
    with pytest.raises(RunError, match=r"no model.onnx in .*`dyml export"):
        open_onnx(tmp_path)
    (tmp_path / "model.onnx").write_bytes(exported.read_bytes())
    assert open_onnx(tmp_path).dim == 12
    assert open_onnx(exported).dim == 12
    other = Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4})
    other.save_pretrained(tmp_path)
    with pytest.raises(RunError, match="exported from other weights"):
        open_onnx(tmp_path)
