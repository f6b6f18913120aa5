"""int8: smaller, near in its vectors, another model to a gallery; static for convolutions, dynamic else."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from dyml.errors import ConfigError
from dyml.export import OnnxEmbedder, compare_with_torch, export_onnx, quantise, read_description
from dyml.export.checking import loss_table, random_pictures
from dyml.export.description import KEY
from dyml.export.quantising import mostly_convolutions
from dyml.metrics import Result
from dyml.models import Embedder


def test_convolutions_are_quantised_by_pictures(embedder: Embedder, exported: Path, tmp_path: Path) -> None:
    assert mostly_convolutions(exported)
    with pytest.raises(ConfigError, match="--data"):
        quantise(exported, tmp_path / "m.onnx")
    pictures = random_pictures(embedder, sizes=(8, 8), seed=1)
    described = quantise(exported, tmp_path / "m.onnx", pictures)
    assert described.precision == "int8 static"
    assert read_description(tmp_path / "m.onnx") == described
    kinds = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert "QuantizeLinear" in kinds
    assert "ConvInteger" not in kinds
    small = OnnxEmbedder(tmp_path / "m.onnx")
    agreement = compare_with_torch(embedder, small, random_pictures(embedder, seed=2))
    assert 1e-5 < agreement.difference < 0.2
    assert agreement.cosine > 0.95
    assert small.weights_digest != OnnxEmbedder(exported).weights_digest


def test_int8_is_not_made_of_int8(embedder: Embedder, exported: Path, tmp_path: Path) -> None:
    quantise(exported, tmp_path / "m.onnx", random_pictures(embedder))
    with pytest.raises(ConfigError, match="int8 static already"):
        quantise(tmp_path / "m.onnx", tmp_path / "again.onnx", random_pictures(embedder))
    assert not (tmp_path / "again.onnx").exists()


def test_matrix_products_are_quantised_without_pictures(exported: Path, tmp_path: Path) -> None:
    described = read_description(exported).model_copy(update={"dim": 4, "image_size": 2})
    weight = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["rows"]),
            helper.make_node("LpNormalization", ["rows"], ["embeddings"], axis=1, p=2),
        ],
        "products",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["batch", 3, 2, 2])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {KEY: described.model_dump_json()})
    onnx.save(model, tmp_path / "products.onnx")
    assert not mostly_convolutions(tmp_path / "products.onnx")
    assert quantise(tmp_path / "products.onnx", tmp_path / "m.onnx").precision == "int8 dynamic"
    images = torch.randint(0, 256, (5, 3, 2, 2), dtype=torch.uint8)
    rows, exact = (OnnxEmbedder(tmp_path / name)(images) for name in ("m.onnx", "products.onnx"))
    assert 0 < float((rows - exact).abs().max()) < 0.05


@pytest.mark.slow
def test_a_transformer_is_quantised_without_pictures(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Embedder("vit_tiny_patch16_224", dim=8, image_size=32, backbone_args={"depth": 2}).eval()
    export_onnx(model, tmp_path / "m.onnx")
    assert quantise(tmp_path / "m.onnx", tmp_path / "small.onnx").precision == "int8 dynamic"
    assert (tmp_path / "small.onnx").stat().st_size < 0.5 * (tmp_path / "m.onnx").stat().st_size
    agreement = compare_with_torch(model, OnnxEmbedder(tmp_path / "small.onnx"), random_pictures(model))
    assert agreement.cosine > 0.98


def test_the_loss_is_told_in_points() -> None:
    def result(value: float | None) -> Result:
        return Result(("fine",), {"fine": {"mAP": value}}, {"mAP": value}, {})

    lines = loss_table({"float32": result(0.5), "int8": result(0.4975)}).splitlines()
    assert lines[0].split() == ["mAP", "%", "float32", "int8", "loss"]
    assert lines[1].split() == ["fine", "50.00", "49.75", "+0.25"]
    assert loss_table({"a": result(None), "b": result(None)}).splitlines()[1].split() == [
        "fine",
        "–",
        "–",
        "–",
    ]
