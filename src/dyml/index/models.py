"""Which model made the vectors of a gallery: a digest of its weights, and where its gauge lies."""

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from dyml.errors import DymlError, InputError, RunError

if TYPE_CHECKING:
    from dyml.gauge.gauge import Gauge
    from dyml.models.embedding import EmbedsPictures

Model = Union["EmbedsPictures", str, Path]


class OtherModelError(RunError):
    """A gallery whose vectors were made by another model."""


def fingerprint(model: Model) -> str:
    """Return the SHA-256 of a model's weights file, or of the file that an embedder in memory would write.

    Args:
        model: an embedder, or a run folder, model folder or `hub:NAME`.

    Raises:
        RunError: there is no such model.
        InputError: an object without weights.
    """
    if isinstance(model, (str, Path)):
        return _file_digest(str(model))
    exported = getattr(model, "weights_digest", None)  # an exported model has no weights in memory
    if exported is not None:
        return str(exported)
    from safetensors.torch import save
    from torch import nn

    if not isinstance(model, nn.Module):
        raise InputError(f"a {type(model).__name__} has no weights to be known by: name its model folder")
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    return sha256(save(tensors, metadata={"format": "pt"})).hexdigest()


def check_model(found: str, wanted: str | None, gallery: Path, model: object = None) -> None:
    """Refuse vectors of a model whose weights are not those that made the gallery.

    Raises:
        OtherModelError: they differ.
    """
    if wanted is not None and found != wanted:
        name = f" {model}" if isinstance(model, (str, Path)) else ""
        raise OtherModelError(
            f"the gallery {gallery} was made with another model: its weights have the digest {wanted[:12]}…, "
            f"the model{name} has {found[:12]}…. Similarities between vectors of two models mean nothing: "
            f"search with the model that made it, or make a new gallery with this one."
        )


def gauge_of(model_folder: str | None, model: str | None) -> "tuple[Gauge | None, str]":
    """Return the gauge of a model folder, or None and why there is none.

    Args:
        model_folder: a run or model folder, `hub:NAME`, or None.
        model: the digest of the weights that made the gallery, or None.
    """
    if model_folder is None:
        return None, "the gallery names no model folder with a gauge"
    from dyml.gauge.source import open_gauge

    try:
        gauge = open_gauge(model_folder)
    except DymlError as error:
        return None, str(error)
    if None not in (model, gauge.weights) and model != gauge.weights:
        return None, f"the gauge in {model_folder} belongs to other weights than those that made the gallery"
    return gauge, ""


def _file_digest(source: str) -> str:
    from dyml.gauge.source import model_folder
    from dyml.gauge.storage import WEIGHTS, weights_digest
    from dyml.training.judge import HUB

    if source.startswith(HUB):
        from dyml.training.judge import open_source

        return fingerprint(open_source(source)[0])
    file = model_folder(source) / WEIGHTS
    if not file.is_file():
        raise RunError(f"no model in {source}: there is no {file}")
    return weights_digest(file)


def absolute(source: Any) -> str:
    """Return a model's folder as an absolute path; `hub:NAME` as it is."""
    from dyml.training.judge import HUB

    return str(source) if str(source).startswith(HUB) else str(Path(source).resolve())
