"""The embedder: pictures to L2-normalised vectors, saved and loaded as a model folder."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import torch
import yaml
from huggingface_hub import ModelCard, PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError, RunError
from dyml.files import atomic_path, write_text
from dyml.models.backbones import make_backbone
from dyml.models.card import card_text
from dyml.models.heads import make_head
from dyml.models.pooling import make_pooling
from dyml.taxonomy import Taxonomy

WEIGHTS, CONFIG, TAXONOMY, GAUGE = "model.safetensors", "config.json", "taxonomy.json", "gauge.json"
COLOUR_STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # ImageNet's, which timm's weights expect
GREY_STATISTICS = ((0.5,), (0.25,))


class Embedder(
    nn.Module,
    PyTorchModelHubMixin,
    library_name="dyml",
    tags=["metric-learning", "image-retrieval", "hierarchical"],
    pipeline_tag="image-feature-extraction",
):
    """Backbone, pooling and head: pictures (B, C, H, W) to unit vectors (B, dim).

    `normalize(projection(layer_norm(pooling(backbone((pictures - mean) / std)))))`

    Args:
        backbone: a timm name, or `dyml_small`.
        dim: D, the length of the vectors.
        pooling: `avg`, `max`, `avgmax` (their sum) or `gem` (generalised mean).
        layer_norm: normalise the pooled features before the projection.
        pretrained: start from timm's published weights (downloads them).
        channels: 1 (grey) or 3 (colour).
        image_size: the side of the pictures in pixels.
        resize: what the shorter side is resized to before the centre crop; by default `image_size`.
        mean: per channel, in units of pixel values from 0 to 1; by default ImageNet's for colour.
        std: likewise.
        backbone_args: further arguments of the backbone, such as `{"width": 32}` for `dyml_small`.
        head: `linear`, or `scales`: one part of the vector a scale (see `dyml.models.heads.ScaleHead`).
        scales: the number of parts of the head `scales`; `dim` must be a multiple of it.

    Attributes:
        taxonomy: the classes it was trained on, or None.
        gauge_json: the text of the gauge in the folder that it came from, or None. It is saved and pushed
            with the weights that it was fitted to, and left behind when these have changed.
        num_features: the length of the features that the head is given.

    Raises:
        ConfigError: no such backbone, pooling or head, or a head that does not fit `dim`.

    >>> embedder = Embedder("dyml_small", dim=64, channels=1, image_size=32)
    >>> embedder(torch.zeros(2, 1, 32, 32, dtype=torch.uint8)).shape
    torch.Size([2, 64])
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str,
        dim: int = 128,
        pooling: str = "avg",
        layer_norm: bool = False,
        pretrained: bool = False,
        channels: int = 3,
        image_size: int = 224,
        resize: int | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        backbone_args: Mapping[str, Any] | None = None,
        head: str = "linear",
        scales: int | None = None,
    ) -> None:
        super().__init__()
        self.dim, self.channels, self.image_size = dim, channels, image_size
        self.resize = resize or image_size
        # Channels last is the faster layout for convolutions, on processors and on GPUs alike.
        self.backbone = make_backbone(backbone, channels, image_size, pretrained, backbone_args).to(
            memory_format=torch.channels_last
        )
        self.pooling = make_pooling(pooling)
        self.num_features = int(self.backbone.num_features)  # type: ignore[arg-type]
        self.layer_norm = nn.LayerNorm(self.num_features) if layer_norm else nn.Identity()
        self.projection = make_head(head, self.num_features, dim, scales)
        usual = COLOUR_STATISTICS if channels == 3 else GREY_STATISTICS
        for name, given, default in (("mean", mean, usual[0]), ("std", std, usual[1])):
            values = torch.tensor(tuple(given or default), dtype=torch.float32)
            self.register_buffer(name, values.view(1, -1, 1, 1), persistent=False)
        self.taxonomy: Taxonomy | None = None
        self.gauge_json: str | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Embed a batch.

        Args:
            images: (B, channels, H, W), uint8 from 0 to 255 or floating point from 0 to 1.

        Returns:
            (B, dim) float32 unit rows, also under autocast.

        Raises:
            InputError: another shape or dtype.
        """
        return self.project(self.features(images))

    def project(self, features: Tensor) -> Tensor:
        """Return the embeddings (B, dim), float32 unit rows, of `features`."""
        return normalize(self.projection(features).float(), dim=1)

    def features(self, images: Tensor) -> Tensor:
        """Return what the head is given, (B, num_features); arguments and errors are those of `forward`."""
        if not isinstance(images, Tensor):
            raise InputError(
                f"images must be a tensor (B, {self.channels}, H, W); got {type(images).__name__}. "
                f"dyml.data.augment.eval_transform({self.image_size}, {self.channels}, {self.resize}) turns "
                f"a PIL picture into (C, H, W)"
            )
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise InputError(f"images must be (B, {self.channels}, H, W); got {tuple(images.shape)}")
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype).div_(255)
        elif images.is_floating_point():
            images = images.to(self.mean.dtype)
        else:
            raise InputError(f"images must be uint8 or floating point from 0 to 1; got {images.dtype}")
        return self.layer_norm(self.pooling(self.backbone((images - self.mean) / self.std)))

    def _save_pretrained(self, save_directory: Path) -> None:
        from safetensors.torch import save

        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        whole = save(tensors, metadata={"format": "pt"})
        with atomic_path(save_directory / WEIGHTS) as part:
            part.write_bytes(whole)  # save_file makes it private
        if self.taxonomy is not None:
            self.taxonomy.save(save_directory / TAXONOMY)
        if self.gauge_json is not None and not _fits(self.gauge_json, whole):
            self.gauge_json = None
        if self.gauge_json is not None:
            write_text(save_directory / GAUGE, self.gauge_json)

    def generate_model_card(
        self,
        name: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        data: str | None = None,
        notes: str | None = None,
        license: str | None = None,
    ) -> ModelCard:
        """Return the README of the model folder, with the hub's header; see `card_text` for the arguments.

        `save_pretrained` and `push_to_hub` write it, with these arguments as `model_card_kwargs`, where there
        is no README yet.

        Args:
            name, metrics, data, notes: as for `dyml.models.card.card_text`.
            license: of the weights, by the hub's name for it, such as `apache-2.0`.
        """
        header = self._hub_mixin_info.model_card_data.to_dict()
        header |= {} if license is None else {"license": license}
        text = card_text(self, name, metrics, data, notes)
        return ModelCard(f"---\n{yaml.safe_dump(header, sort_keys=True)}---\n\n{text}")

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload weights, configuration, taxonomy, gauge and a model card to the Hugging Face hub.

        Args:
            repo_id: such as `me/my-model`; made where there is none.
            options: those of `huggingface_hub.ModelHubMixin.push_to_hub`. `model_card_kwargs` are the
                arguments of `generate_model_card`; `dyml.exchange.card_facts` gives those of a run.

        Returns:
            The address of the commit.
        """
        facts = {"name": repo_id, **(options.pop("model_card_kwargs", None) or {})}
        return str(super().push_to_hub(repo_id, model_card_kwargs=facts, **options))

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **kwargs: Any) -> Self:
        """Load a model folder, or a model of that name from the Hugging Face hub.

        A folder needs no network. See `huggingface_hub.ModelHubMixin.from_pretrained` for the options.

        Raises:
            RunError: there is no such folder or model, or its files cannot be read.
        """
        source = pretrained_model_name_or_path
        folder = Path(source)
        if folder.is_dir():
            for name in (CONFIG, WEIGHTS):
                if not (folder / name).is_file():
                    raise RunError(f"{folder} is not a model folder: it has no {name}")
        elif folder.exists() or folder.is_absolute() or str(source).startswith("."):
            raise RunError(f"no model folder {source}")
        try:
            return super().from_pretrained(source, **kwargs)
        except json.JSONDecodeError as error:
            raise RunError(f"{folder / CONFIG} is not JSON: {error}") from error
        except (HfHubHTTPError, HFValidationError, FileNotFoundError, ConnectionError) as error:
            raise RunError(
                f"no model folder {source}, and the hub has no such model or cannot be reached: {error}"
            ) from error

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        map_location: str = "cpu",
        strict: bool = True,
        **model_kwargs: Any,
    ) -> Self:
        """Build the model, without published weights, and fill it from safetensors alone, never a pickle."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        def fetch(name: str) -> Path:
            if Path(model_id).is_dir():
                return Path(model_id) / name
            return Path(
                hf_hub_download(
                    model_id,
                    name,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                )
            )

        try:
            model = cls(**{**model_kwargs, "pretrained": False})
        except TypeError as error:
            raise RunError(f"{fetch(CONFIG)} does not describe an embedder: {error}") from error
        weights = fetch(WEIGHTS)
        try:
            model.load_state_dict(load_file(weights, device=map_location), strict=strict)
        except (SafetensorError, RuntimeError, OSError) as error:
            raise RunError(f"{weights} does not fit the {CONFIG} beside it: {error}") from error

        def fetch_if_there(name: str) -> Path:
            try:
                return fetch(name)
            except (HfHubHTTPError, LocalEntryNotFoundError):
                return weights.with_name(name)

        if (taxonomy := fetch_if_there(TAXONOMY)).is_file():
            model.taxonomy = Taxonomy.load(taxonomy)
        if (gauge := fetch_if_there(GAUGE)).is_file():
            model.gauge_json = gauge.read_text(encoding="utf-8", errors="replace")
        return model.to(map_location).eval()


def _fits(gauge_json: str, weights: bytes) -> bool:
    """Return whether a gauge may have been fitted to these weights; what is no gauge has not."""
    try:
        fitted = json.loads(gauge_json)["weights"]
    except (ValueError, KeyError, TypeError):
        return False
    return fitted is None or fitted == sha256(weights).hexdigest()
