"""An exported embedder, run by ONNX Runtime, with the same call as `Embedder`."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dyml.errors import InputError, RunError
from dyml.export.description import INPUT, parse_description
from dyml.export.extras import onnx_module

NAME = "model.onnx"
PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxEmbedder(nn.Module):
    """Pictures (B, C, S, S), uint8, to unit vectors (B, D), without PyTorch's arithmetic.

    It stands where an `Embedder` that only embeds does: `embed_batches`, `embed_manifest`, galleries and the
    service take it. It cannot be trained, and computes where its session does, whatever `to` says.

    Args:
        file: written by `dyml export`.
        threads: of the session; None: as many as torch uses.

    Attributes:
        description: what the file says of itself.
        weights_digest: the digest by which a gallery knows the model: that of the weights it was made from;
            another one for int8, whose similarities are not quite the same.

    Raises:
        RunError: the extra is missing, or the file cannot be read or was not written by `dyml export`.
    """

    mean: Tensor

    def __init__(self, file: str | Path, threads: int | None = None) -> None:
        super().__init__()
        runtime = onnx_module("onnxruntime")
        if not Path(file).is_file():
            raise RunError(f"no ONNX model {file}: `dyml export MODEL {file}` writes one")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3
        there = runtime.get_available_providers()
        providers = [name for name in PREFERRED if name in there]
        try:
            self._session: Any = runtime.InferenceSession(str(file), options, providers=providers)
        except Exception as error:  # the runtime has a dozen kinds, none of them public
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RunError(f"{file} cannot be run by ONNX Runtime: {reason}") from error
        self.description = parse_description(self._session.get_modelmeta().custom_metadata_map, file)
        self.file, self._threads = Path(file), threads
        self.dim, self.channels = self.description.dim, int(self.description.channels)
        self.image_size, self.resize = self.description.image_size, self.description.resize
        self.weights_digest = self.description.weights
        if self.description.precision != "float32":
            self.weights_digest = sha256(self.file.read_bytes()).hexdigest()
        mean = torch.tensor(self.description.mean).view(1, -1, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Embed a batch.

        Args:
            images: (B, channels, S, S) uint8.

        Returns:
            (B, dim) float32 unit rows, on the processor.

        Raises:
            InputError: another shape or dtype.
        """
        wanted = (self.channels, self.image_size, self.image_size)
        if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.shape[1:] != wanted:
            found = f"{tuple(images.shape)} {images.dtype}" if isinstance(images, Tensor) else type(images)
            raise InputError(f"images must be a uint8 tensor (B, {', '.join(map(str, wanted))}); got {found}")
        rows = self._session.run(None, {INPUT: images.cpu().contiguous().numpy()})[0]
        return torch.from_numpy(rows)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by opening the file again: a session cannot be copied."""
        return OnnxEmbedder, (self.file.absolute(), self._threads)


def open_onnx(source: str | Path, threads: int | None = None) -> OnnxEmbedder:
    """Open an exported embedder: an `.onnx` file, or `model.onnx` in a run or model folder.

    Raises:
        RunError: there is none, or it was exported from other weights than the folder holds.
    """
    from dyml.gauge.source import model_folder
    from dyml.gauge.storage import WEIGHTS, weights_digest

    if Path(source).suffix.lower() == ".onnx":
        return OnnxEmbedder(source, threads)
    folder = model_folder(str(source))
    file = folder / NAME
    if not file.is_file():
        raise RunError(f"no {NAME} in {folder}: `dyml export {source}` writes it")
    embedder, weights = OnnxEmbedder(file, threads), folder / WEIGHTS
    if weights.is_file() and weights_digest(weights) != embedder.description.weights:
        raise RunError(f"{file} was exported from other weights than {weights}: `dyml export {source}` again")
    return embedder
