"""The typed configuration of a run: what can be set, what it is by default, what it means."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from dyml.data.augment import Augment
from dyml.data.channels import ChannelOrder

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """A section whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(BaseModel):
    """A section that names a class by import path; its other keys are that class' own options.

    Attributes:
        filled_in: parameters that the class is given by the run, so that they are no options.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    filled_in: ClassVar[tuple[str, ...]] = ()

    type: str

    @property
    def args(self) -> dict[str, Any]:
        """The options for the named class."""
        return dict(self.model_extra or {})


class DataConfig(Strict):
    """What to train and test on."""

    root: Path | None = Field(None, description="the folder of pictures; none: the built-in glyphs")
    manifest: str | None = Field(None, description="the table in that folder; none: manifest.csv or .parquet")
    scales: tuple[str, ...] | None = Field(
        None, description="columns, fine to coarse; none: by number of classes"
    )
    train: str = Field("train", description="the split to train on")
    test: str | None = Field(
        "test", description="the split to test on; none: an official set's own benchmark, or no test"
    )
    validation: str | None = Field(None, description="the split measured during training; none: `test`")
    channels: Literal[1, 3] = Field(3, description="1 grey, 3 colour")
    channel_order: ChannelOrder | None = Field(
        None, description="stored, or swapped (red and blue); none: what official.json says, else stored"
    )
    size: Count = Field(64, description="the side of the pictures the network sees, in pixels")
    resize: Count | None = Field(None, description="shorter side before cropping to `size`; none: `size`")
    padding: Literal["border", "reflect", "white", "black"] = Field(
        "reflect", description="what augmentation shows outside a picture"
    )
    ram: bool = Field(True, description="decode every picture once into memory; false: from disk each time")
    pack: Path | None = Field(None, description="a pack of `dyml data pack` to read from; auto: in the cache")
    workers: Annotated[int, Field(ge=0)] = Field(0, description="processes that load pictures, if not `ram`")


class ModelConfig(Strict):
    """The embedder: backbone, pooling and head."""

    backbone: str = Field("dyml_small", description="a timm name, or dyml_small")
    dim: Count = Field(128, description="the length of the vectors")
    pooling: str = Field("avg", description="avg, max, avgmax or gem")
    layer_norm: bool = Field(False, description="normalise features before the projection")
    head: Literal["linear", "scales"] = Field(
        "linear", description="scales: one part of the vector a scale, as ScaleAggregationLoss wants it"
    )
    pretrained: bool = Field(False, description="start from timm's weights (downloads them)")
    freeze_batch_norm: bool = Field(False, description="keep the statistics that the backbone starts with")
    backbone_args: dict[str, Any] = Field({}, description="options of the backbone, such as width")


class LossConfig(Named):
    """The loss, by import path: it is given the taxonomy and the length of the vectors."""

    filled_in = ("taxonomy", "dim")

    type: str = Field("dyml.losses.CrossScaleLoss", description="an import path; other keys are its options")


class SamplerConfig(Named):
    """What a batch is made of; by import path."""

    filled_in = ("labels", "seed", "rank", "world_size")

    type: str = Field("dyml.data.samplers.MPerClassSampler", description="or …ThreePartSampler, or your own")
    batch_size: Count = Field(256, description="pictures in a batch")
    per_class: Count | tuple[Count, ...] = Field(4, description="pictures of each class in a batch")

    @property
    def args(self) -> dict[str, Any]:
        """The options for the sampler."""
        return {"batch_size": self.batch_size, "per_class": self.per_class, **super().args}


class OptimConfig(Named):
    """The optimiser, by import path, and its schedule: a warm-up, then half a cosine down to `end`."""

    filled_in = ("params",)

    type: str = Field("torch.optim.AdamW", description="an import path; other keys are its options")
    lr: Positive = Field(2e-3, description="the highest rate of the embedder")
    head_lr: Positive | None = Field(None, description="the highest rate of the projection; none: `lr`")
    proxy_lr: Positive | None = Field(None, description="the highest rate of the proxies; none: `lr`")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        1e-4, description="of weights; not of biases, norms, proxies"
    )
    warmup: Share = Field(0.05, description="share of the steps in which the rate rises")
    rest: Annotated[int, Field(ge=0)] = Field(0, description="epochs in which the backbone rests, at first")
    end: Share = Field(0.0, description="share of the highest rate that is left at the end; 1: constant")
    clip: Positive | None = Field(None, description="longest gradient (2-norm) of the embedder; none: any")


class TrainConfig(Strict):
    """The run."""

    epochs: Count = Field(30, description="passes over the training pictures")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of weights, batches and augmentation")
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = Field(
        "auto", description="of the network; auto: bf16-mixed where the device is fast at it"
    )
    ema: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, description="decay of averaged weights; none: off"
    )
    checkpoint_minutes: Positive = Field(5.0, description="the longest time between checkpoints")
    validate_every: Count | None = Field(
        None, description="epochs between validations; none: only at the end"
    )
    threads: Count | None = Field(None, description="processor threads; none: all")
    accelerator: str = Field("auto", description="auto, cpu or gpu")
    devices: Count = Field(1, description="how many processors or GPUs train together")


class EvalConfig(Strict):
    """How test pictures are embedded."""

    batch_size: Count = Field(256, description="pictures at a time")


class Config(Strict):
    """All settings of a run."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    sampler: SamplerConfig = SamplerConfig()
    augment: Augment = Augment()
    optim: OptimConfig = OptimConfig()
    train: TrainConfig = TrainConfig()
    eval: EvalConfig = EvalConfig()
