"""int8: a quarter of the bytes, and more multiplications an instruction.

Two ways, chosen by where the weights lie:

- **dynamic**, for transformers: weights of matrix products become int8 once; the activations' ranges are
  measured while the model runs. It needs no pictures. ONNX Runtime has no fast integer convolution that
  works so: convolutions would become `ConvInteger`, slower than float. So it is not used for them.
- **static**, for convolutional networks: the ranges of all activations are measured on some pictures
  beforehand.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from dyml.errors import ConfigError
from dyml.export.description import INPUT, KEY, Description, Precision, read_description, write_description
from dyml.export.extras import onnx_module
from dyml.export.graph import check_target
from dyml.files import atomic_path


def quantise(source: str | Path, target: str | Path, batches: Iterable[Tensor] | None = None) -> Description:
    """Write an int8 form of an exported model, and its description, atomically.

    Args:
        source: a float32 file of `export_onnx`.
        target: the `.onnx` file to write.
        batches: (B, C, S, S) uint8 pictures like those that it will see, some 100; needed where most weights
            are those of convolutions.

    Raises:
        ConfigError: the source is int8 already, or pictures are needed and none are given.
        RunError: the extra is missing, or a file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    check_target(target)
    described = read_description(source)
    if described.precision != "float32":
        raise ConfigError(f"{source} is {described.precision} already: start from the float32 export")
    way: Precision = "int8 static" if mostly_convolutions(source) else "int8 dynamic"
    if way == "int8 static" and batches is None:
        raise ConfigError(
            "int8 of a convolutional network needs some pictures to measure its activations on: "
            "name a folder of pictures with --data"
        )
    described = described.model_copy(update={"precision": way})
    with tempfile.TemporaryDirectory() as folder, atomic_path(target) as part:
        ready, made = Path(folder) / "ready.onnx", Path(folder) / "int8.onnx"
        _without_remarks(_convert, source, ready, made, way, batches)
        _with_description(made, described, part)
    write_description(described, target)
    return described


def mostly_convolutions(file: str | Path) -> bool:
    """Return whether most weights of an ONNX model belong to its convolutions."""
    graph = onnx_module("onnx").load(str(file)).graph
    sizes = {weight.name: int(np.prod(weight.dims)) for weight in graph.initializer}
    total = {"Conv": 0, "MatMul": 0, "Gemm": 0}
    for node in graph.node:
        if node.op_type in total:
            total[node.op_type] += sum(sizes.get(name, 0) for name in node.input[1:2])
    return total["Conv"] > total["MatMul"] + total["Gemm"]


def _convert(source: Path, ready: Path, made: Path, way: Precision, batches: Iterable[Tensor] | None) -> None:
    quantization = onnx_module("onnxruntime.quantization")
    prepare = onnx_module("onnxruntime.quantization.shape_inference").quant_pre_process
    # Shapes are known from the exporter; the optimiser folds batch normalisation into convolutions.
    prepare(str(source), str(ready), skip_symbolic_shape=True)
    kind = quantization.QuantType.QInt8
    if way == "int8 dynamic":
        quantization.quantize_dynamic(
            str(ready), str(made), op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, weight_type=kind
        )
        return
    assert batches is not None
    quantization.quantize_static(
        str(ready),
        str(made),
        _reader(quantization, batches),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Add", "MaxPool", "AveragePool", "GlobalAveragePool"],
        nodes_to_exclude=_around_convolutions(ready),
        per_channel=True,
        activation_type=kind,
        weight_type=kind,
    )


def _around_convolutions(file: Path) -> list[str]:
    """Name the nodes before the first convolution and after the last: normalisation, pooling and head.

    They are a hundredth of the arithmetic, and a vector rounded to 8 bits is what would cost accuracy.
    """
    nodes = onnx_module("onnx").load(str(file)).graph.node
    places = [place for place, node in enumerate(nodes) if node.op_type == "Conv"]
    kept = range(places[0], places[-1] + 1)
    return [node.name for place, node in enumerate(nodes) if place not in kept]


def _reader(quantization: Any, batches: Iterable[Tensor]) -> Any:
    class Pictures(quantization.CalibrationDataReader):
        """Feeds pictures one batch at a time."""

        def __init__(self) -> None:
            self.feeds: Iterator[dict[str, Any]] = ({INPUT: images.numpy()} for images in batches)

        def get_next(self) -> dict[str, Any] | None:
            """Return the next batch, or None."""
            return next(self.feeds, None)

    return Pictures()


def _with_description(made: Path, description: Description, target: Path) -> None:
    onnx = onnx_module("onnx")
    model = onnx.load(str(made))
    onnx.helper.set_model_props(model, {KEY: description.model_dump_json()})
    onnx.save(model, str(target))


def _without_remarks(function: Any, *args: Any) -> None:
    """Call a function while the root logger keeps warnings to itself."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        function(*args)
    finally:
        root.setLevel(level)
