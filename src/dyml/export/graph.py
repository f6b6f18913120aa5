"""From an embedder in PyTorch to one ONNX file.

    uint8 (batch, C, S, S) ─> / 255 ─> − mean, / std ─> backbone ─> pooling ─> head ─> unit float32 (batch, D)

The input is bytes because pictures are: a quarter of the traffic of floats, and no one can normalise twice.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dyml.errors import ConfigError, RunError
from dyml.export.description import INPUT, KEY, OUTPUT, Description, describe, write_description
from dyml.export.extras import onnx_module
from dyml.files import atomic_path
from dyml.models import Embedder

OPSET, LOWEST, HIGHEST = 20, 18, 23
MOST_BYTES = 2_000_000_000  # protobuf holds less than 2 GiB


def export_onnx(
    embedder: Embedder, target: str | Path, opset: int = OPSET, weights: str | None = None
) -> Description:
    """Write an embedder as ONNX, and its description as JSON beside it, both atomically.

    The batch is dynamic; the side of the pictures is the embedder's.

    Args:
        embedder: left as it was.
        target: the `.onnx` file.
        opset: of ONNX, 18 to 23.
        weights: SHA-256 of its weights file; None computes it.

    Returns:
        What was written, in words and numbers.

    Raises:
        ConfigError: the opset is out of range, or the target has another ending.
        RunError: the extra is missing, the model cannot be expressed in ONNX, or the file not be written.
    """
    from dyml.index.models import fingerprint

    target = Path(target)
    check_target(target)
    if not LOWEST <= opset <= HIGHEST:
        raise ConfigError(f"opset {opset}: choose one from {LOWEST} to {HIGHEST}")
    size = sum(value.numel() * value.element_size() for value in embedder.state_dict().values())
    if size > MOST_BYTES:
        raise RunError(f"the model has {size / 1e9:.1f} GB of weights; one ONNX file holds less than 2 GB")
    description = describe(embedder, opset, weights or fingerprint(embedder))
    program = _program(embedder, opset)
    program.model.metadata_props[KEY] = description.model_dump_json()
    with atomic_path(target) as part:
        program.save(str(part), external_data=False)
    write_description(description, target)
    return description


def check_target(target: Path) -> None:
    """Raise ConfigError unless a file's name ends like an ONNX model's."""
    if target.suffix.lower() != ".onnx":
        raise ConfigError(f"{target}: an ONNX file ends in .onnx; write {target.name}.onnx, for example")


def _program(embedder: Embedder, opset: int) -> Any:
    for name in ("onnx", "onnxscript"):
        onnx_module(name)
    training, device = embedder.training, embedder.mean.device
    # Two pictures, since a batch of one could be taken for a constant.
    shape = (2, embedder.channels, embedder.image_size, embedder.image_size)
    try:
        with _quiet(), torch.no_grad():
            return torch.onnx.export(
                embedder.cpu().eval(),
                (torch.zeros(shape, dtype=torch.uint8),),
                input_names=[INPUT],
                output_names=[OUTPUT],
                opset_version=opset,
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = (str(error).strip().splitlines() or ["unknown"])[0]
        raise RunError(f"this model cannot be expressed in ONNX, opset {opset}: {reason}") from error
    finally:
        embedder.train(training).to(device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's remarks on its own workings; errors still come."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
