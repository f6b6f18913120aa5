"""From a run or model folder to an ONNX file that is checked, and, for int8, judged."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from dyml.data.augment import eval_transform
from dyml.data.channels import SWAPPED
from dyml.data.images import enough_pixels
from dyml.data.manifest import Manifest
from dyml.data.streaming import picture_batches
from dyml.errors import RunError
from dyml.export.checking import Agreement, compare_with_torch, random_pictures
from dyml.export.description import Description, write_description
from dyml.export.graph import OPSET, check_target, export_onnx
from dyml.export.quantising import mostly_convolutions, quantise
from dyml.export.runtime import NAME, OnnxEmbedder
from dyml.files import atomic_path
from dyml.gauge.source import model_folder
from dyml.gauge.storage import WEIGHTS, weights_digest
from dyml.metrics import Result, evaluate
from dyml.models import Embedder
from dyml.models.embedding import embed_manifest
from dyml.training.judge import HUB, open_source, source_manifest

CALIBRATION, COMPARED = 128, 64
INT8_NAME = "model.int8.onnx"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        file: the ONNX file.
        description: of it.
        agreement: of the float32 export with PyTorch, on noise and on pictures where there are some.
        results: for int8 with labelled pictures, the evaluations of the float32 and the int8 file.
    """

    file: Path
    description: Description
    agreement: Agreement
    results: dict[str, Result]


def export_source(
    source: str,
    target: Path | None = None,
    opset: int = OPSET,
    int8: bool = False,
    root: Path | None = None,
    table: str | None = None,
    split: str | None = None,
    batch_size: int = 64,
) -> Exported:
    """Export the embedder of a run or model folder; compare it with PyTorch before it takes its place.

    Args:
        source: a run folder, a model folder, or `hub:NAME`.
        target: the file; None: `model.onnx`, or `model.int8.onnx`, in the model folder.
        opset: of ONNX.
        int8: write 8-bit integers; the loss in mAP is measured where there are labelled pictures.
        root: the folder of pictures; None: for int8 the run's own.
        table: the manifest in it; None: the usual one.
        split: the rows to compare and judge on; None: the run's test split, or all.
        batch_size: pictures at a time.

    Raises:
        ConfigError: an option is not understood, or int8 needs pictures and there are none.
        RunError: there is no model, the extra is missing, or the export does not agree with PyTorch.
    """
    embedder, config = open_source(source)
    if target is None:
        target = _home(source) / (INT8_NAME if int8 else NAME)
    check_target(target)
    manifest = judged = None
    if root is not None or (int8 and config is not None):
        manifest = source_manifest(source, embedder, config, root, table)
        tested = config.data.test if config is not None and manifest.split is not None else None
        wanted = split or tested or "all"
        judged = manifest if wanted == "all" else manifest.only(wanted)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / NAME
        description = export_onnx(embedder, plain, opset, _digest(source))
        exported = OnnxEmbedder(plain)
        agreement = _agreement(embedder, exported, judged, batch_size)
        if not agreement.close:
            raise RunError(
                f"the exported model differs from PyTorch by up to {agreement.difference:.2g}: nothing was "
                f"written. Try another --opset"
            )
        results: dict[str, Result] = {}
        if not int8:
            with atomic_path(target) as part:
                shutil.copyfile(plain, part)
            write_description(description, target)
        else:
            pictures = None
            if manifest is not None and judged is not None and mostly_convolutions(plain):
                pictures = calibration_batches(embedder, manifest, judged, batch_size)
            description = quantise(plain, target, pictures)
            if judged is not None:
                pair = {"float32": exported, "int8": OnnxEmbedder(target)}
                results = {name: _judged(model, judged, batch_size, name) for name, model in pair.items()}
    return Exported(target, description, agreement, results)


def calibration_batches(
    embedder: Embedder, manifest: Manifest, judged: Manifest, batch_size: int = 64
) -> Iterator[Tensor]:
    """Yield some 128 pictures, evenly spread, from the splits that are not judged where there are some.

    Args:
        embedder: says how pictures are brought to size.
        manifest: all pictures.
        judged: those that the result is judged on.
        batch_size: pictures at a time.
    """
    used = set(judged.paths)
    rows = np.array([row for row, path in enumerate(manifest.paths) if path not in used], np.int64)
    if not len(rows):
        rows = np.arange(len(manifest))
    even = rows[np.linspace(0, len(rows) - 1, min(CALIBRATION, len(rows))).astype(np.int64)]
    return batches_of(embedder, manifest.subset(even), batch_size)


def batches_of(embedder: Embedder, manifest: Manifest, batch_size: int) -> Iterator[Tensor]:
    """Yield the pictures of a manifest as the embedder takes them."""
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    batches = picture_batches(
        manifest, transform, batch_size, embedder.channels, min_size=enough_pixels(embedder.resize)
    )
    for images in batches:
        yield images.flip(1) if manifest.channel_order == SWAPPED else images


def _agreement(
    embedder: Embedder, exported: OnnxEmbedder, judged: Manifest | None, batch_size: int
) -> Agreement:
    noise = compare_with_torch(embedder, exported, random_pictures(embedder))
    if judged is None:
        return noise
    rows = np.linspace(0, len(judged) - 1, min(COMPARED, len(judged))).astype(np.int64)
    real = compare_with_torch(embedder, exported, batches_of(embedder, judged.subset(rows), batch_size))
    return Agreement(
        noise.pictures + real.pictures,
        max(noise.difference, real.difference),
        min(noise.cosine, real.cosine),
    )


def _judged(model: OnnxEmbedder, manifest: Manifest, batch_size: int, name: str) -> Result:
    vectors = embed_manifest(model, manifest, batch_size, f"embedding, {name}")
    return evaluate(vectors, manifest.labels, scales=manifest.scales)


def _home(source: str) -> Path:
    if source.startswith(HUB):
        raise RunError(
            f"{source} has no folder here: name the file to write, `dyml export {source} OUT.onnx`"
        )
    return model_folder(source)


def _digest(source: str) -> str | None:
    return None if source.startswith(HUB) else weights_digest(model_folder(source) / WEIGHTS)
