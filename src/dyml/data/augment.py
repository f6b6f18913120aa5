"""How far training pictures may change, and the per-picture pipelines that do it.

`Augment` is the one description of augmentation; `BatchAugment` applies the same one to whole batches.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dyml.errors import ConfigError, InputError, suggest

if TYPE_CHECKING:
    from torch import Tensor

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0)]
_ERASED_AREA, _ERASED_RATIO = (0.02, 0.25), (1 / 3, 3.0)


class Augment(BaseModel):
    """Augmentation of one picture; the defaults change nothing.

    Raises:
        ConfigError: an unknown field (the nearest known one is named), or a value out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    crop_scale: tuple[Share, Share] = Field(
        (1.0, 1.0), description="smallest and largest share of the area that a random crop keeps"
    )
    crop_ratio: tuple[Amount, Amount] = Field(
        (1.0, 1.0), description="smallest and largest width / height of the crop"
    )
    flip: Share = Field(0.0, description="chance to mirror left and right; true means 0.5")
    rotate: Annotated[float, Field(ge=0, le=180)] = Field(0.0, description="up to so many degrees either way")
    shear: Annotated[float, Field(ge=0, lt=90)] = Field(
        0.0, description="up to so many degrees either way, along x"
    )
    translate: Share = Field(0.0, description="up to this share of the side, along both axes")
    zoom: Amount = Field(0.0, description="sizes change by a factor of 1 / (1 + zoom) to 1 + zoom")
    brightness: Amount = Field(0.0, description="by a factor of 1 - brightness to 1 + brightness")
    contrast: Amount = Field(0.0, description="likewise the distance from the picture's mean grey")
    saturation: Amount = Field(0.0, description="likewise the distance of colours from their own grey")
    hue: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.0, description="up to this share of a full turn either way"
    )
    erase: Share = Field(0.0, description="chance that a box of 2 to 25 % of the picture is blotted out")

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigError(_described(error)) from None

    @property
    def without_crop(self) -> "Augment":
        """The same augmentation of pictures that are cropped already."""
        return self.model_copy(update={"crop_scale": (1.0, 1.0), "crop_ratio": (1.0, 1.0)})

    @field_validator("flip", mode="before")
    @classmethod
    def _half_for_true(cls, value: Any) -> Any:
        return {True: 0.5, False: 0.0}[value] if isinstance(value, bool) else value

    @field_validator("crop_scale", "crop_ratio")
    @classmethod
    def _rising(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if not 0 < bounds[0] <= bounds[1]:
            raise ValueError("must be smallest and largest, both above 0")
        return bounds


def fit_size(image: Image.Image, size: int, resize: int | None = None, squash: bool = False) -> Image.Image:
    """Bring a picture to size × size: the shorter side becomes `resize`, then the centre is cut out.

    Args:
        image: a picture of any size.
        size: side of the result in pixels.
        resize: length of the shorter side before the cut, `size` or more; None means `size`.
        squash: keep the whole picture and give up its proportions instead of cutting.

    Raises:
        InputError: resize is below size.
    """
    resize = size if resize is None else resize
    if not 1 <= size <= resize:
        raise InputError(f"size must be 1 or more and resize not below it; got size {size}, resize {resize}")
    width, height = image.size
    if squash:
        box = (0.0, 0.0, float(width), float(height))
    else:
        side = min(width, height) * size / resize
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    if image.size == (size, size) and box == (0, 0, size, size):
        return image
    return image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=3.0)


def eval_transform(
    size: int, channels: int = 3, resize: int | None = None
) -> "Callable[[Image.Image], Tensor]":
    """Return the deterministic pipeline for judging: `fit_size`, then a tensor.

    Args:
        size: side of the result in pixels.
        channels: 3 for RGB, 1 for grey.
        resize: length of the shorter side before the centre is cut out; None means `size`.

    Returns:
        A picklable callable from a picture to a uint8 tensor (channels, size, size).
    """
    from torchvision.transforms import v2

    fit = v2.Lambda(partial(fit_size, size=size, resize=resize), Image.Image)
    pipeline: Callable[[Image.Image], Tensor] = v2.Compose([fit, *_to_tensor(channels)])
    return pipeline


def train_transform(augment: Augment, size: int, channels: int = 3) -> "Callable[[Image.Image], Tensor]":
    """Return the random pipeline for training; it draws from torch's global generator.

    Args:
        augment: how far pictures may change.
        size: side of the result in pixels.
        channels: 3 for RGB, 1 for grey.

    Returns:
        A picklable callable from a picture to a uint8 tensor (channels, size, size).
    """
    from torchvision.transforms import v2

    if augment.crop_scale == (1, 1) and augment.crop_ratio == (1, 1):
        crop: Any = v2.Lambda(partial(fit_size, size=size), Image.Image)
    else:
        crop = v2.RandomResizedCrop(size, scale=augment.crop_scale, ratio=augment.crop_ratio, antialias=True)
    steps = [crop, *_to_tensor(channels)]
    if augment.flip:
        steps.append(v2.RandomHorizontalFlip(augment.flip))
    steps += _affine(augment, size) + _colour(augment, channels)
    if augment.erase:
        steps.append(v2.RandomErasing(augment.erase, scale=_ERASED_AREA, ratio=_ERASED_RATIO, value=127))
    pipeline: Callable[[Image.Image], Tensor] = v2.Compose(steps)
    return pipeline


def _to_tensor(channels: int) -> list[Any]:
    from torchvision.transforms import v2

    if channels not in (1, 3):
        raise InputError(f"channels must be 3 (RGB) or 1 (grey); got {channels}")
    return [v2.RGB() if channels == 3 else v2.Grayscale(), v2.PILToTensor()]


def _affine(augment: Augment, size: int) -> list[Any]:
    from torchvision.transforms import InterpolationMode, v2

    if not (augment.rotate or augment.shear or augment.translate or augment.zoom):
        return []
    # The mirrored border keeps black corners out; it must not change what the shares refer to.
    border = min(size - 1, math.ceil(_reach(augment) * size) + 1)
    shift = min(1.0, augment.translate) * size / (size + 2 * border)
    affine = v2.RandomAffine(
        degrees=augment.rotate,
        translate=(shift, shift),
        scale=(1 / (1 + augment.zoom), 1 + augment.zoom),
        shear=(-augment.shear, augment.shear),
        interpolation=InterpolationMode.BILINEAR,
    )
    padding = [v2.Pad(border, padding_mode="reflect")] if border else []
    return [*padding, affine, v2.CenterCrop(size)]


def _reach(augment: Augment) -> float:
    """Return how far beyond its edge, in sides of the picture, the farthest corner of a view may lie."""
    turn = math.radians(min(45.0, augment.rotate))  # a square reaches farthest at 45 degrees
    corner = 0.5 * (math.cos(turn) + math.sin(turn))
    sheared = corner * (1 + math.tan(math.radians(augment.shear))) * (1 + augment.zoom)
    return sheared - 0.5 + min(1.0, augment.translate)


def _colour(augment: Augment, channels: int) -> list[Any]:
    from torchvision.transforms import v2

    saturation, hue = (augment.saturation, augment.hue) if channels == 3 else (0.0, 0.0)
    if not (augment.brightness or augment.contrast or saturation or hue):
        return []
    return [v2.ColorJitter(augment.brightness, augment.contrast, saturation, hue)]


def _described(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = Augment.model_fields
            lines.append(f"no augmentation {name!r}.{suggest(name, known)} There are {', '.join(known)}.")
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            lines.append(f"augmentation {name}: {reason}; got {problem['input']!r}.")
    return " ".join(lines)
