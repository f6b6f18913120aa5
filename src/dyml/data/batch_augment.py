"""Augmentation of a whole batch of pictures at once: one affine resampling, one colour map, one erase.

Every picture gets its own random affine map (crop, zoom, flip, rotation, shear, shift), and all of them
share one `grid_sample`. Brightness, contrast, saturation and hue are affine in the colours, so that together
they are one 3×4 matrix a picture. A few small tensors hold all chance; they are drawn on the processor from
an integer seed, so that the same seed gives the same pictures on every device.
"""

import math
from typing import Literal

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from dyml.data.augment import Augment
from dyml.errors import ConfigError, InputError, suggest

Padding = Literal["border", "reflect", "white", "black"]
PADDINGS: tuple[str, ...] = ("border", "reflect", "white", "black")
_GREY = (0.299, 0.587, 0.114)


class BatchAugment(nn.Module):
    """Seeded random views of a batch.

    Args:
        augment: how far pictures may change.
        size: side of the result in pixels; None keeps the size of the input.
        padding: what lies outside a picture: its `border` repeated, its mirror image (`reflect`), `white`
            or `black`.

    Raises:
        ConfigError: an unknown padding, or a size below 1.
    """

    def __init__(self, augment: Augment, size: int | None = None, padding: Padding = "reflect") -> None:
        super().__init__()
        if padding not in PADDINGS:
            raise ConfigError(
                f"padding {padding!r} is not one of {', '.join(PADDINGS)}.{suggest(padding, PADDINGS)}"
            )
        if size is not None and size < 1:
            raise ConfigError(f"size is {size}; it is a number of pixels, 1 or more")
        self.augment, self.size, self.padding = augment, size, padding

    @torch.no_grad()
    def forward(self, images: Tensor, seed: int) -> Tensor:
        """Return random views of a batch.

        Args:
            images: (B, C, H, W) uint8, or float in [0, 1]; C is 1 or 3.
            seed: the same seed gives the same views; the global random state is left alone.

        Returns:
            (B, C, size, size) float32 in [0, 1].

        Raises:
            InputError: not such a batch.
        """
        images = as_unit_float(images)
        count, channels, height, width = images.shape
        generator = Generator().manual_seed(seed)
        size = (height, width) if self.size is None else (self.size, self.size)
        matrices = random_affine(count, self.augment, generator, aspect=width / height)
        colours, shifts = random_colour(count, channels, self.augment, generator)
        holes = random_holes(count, self.augment.erase, generator)
        if count == 0:
            return images.new_empty(0, channels, *size)
        images = warp(images, matrices, size, self.padding)
        images = recolour(images, colours, shifts)
        return erase(images, holes)


def as_unit_float(images: Tensor) -> Tensor:
    """Return (B, C, H, W) pictures as float32 in [0, 1]; uint8 is divided by 255.

    Raises:
        InputError: the tensor is not a batch of grey or colour pictures, or neither uint8 nor float.
    """
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise InputError(f"pictures have the shape {tuple(images.shape)}; expected (B, 1 or 3, H, W)")
    if images.dtype == torch.uint8:
        return images.float().div_(255)
    if not images.is_floating_point():
        raise InputError(f"pictures are {images.dtype}; expected uint8, or float in [0, 1]")
    return images.float()


def random_affine(count: int, augment: Augment, generator: Generator, aspect: float = 1.0) -> Tensor:
    """Draw affine maps (B, 2, 3) from places in the view to places in the picture, both in [-1, 1].

    Read from right to left, a place in the view is flipped, cropped and zoomed, sheared, rotated, shifted.

    Args:
        count: B.
        augment: its crop, flip, rotate, shear, translate and zoom are used; angles are in degrees.
        generator: a generator on the processor.
        aspect: width / height of the picture; keeps rotations free of distortion.
    """
    area = _uniform(count, augment.crop_scale[0], augment.crop_scale[1], generator)
    narrow, broad = (math.log(bound) for bound in augment.crop_ratio)
    ratio = _uniform(count, narrow, broad, generator).exp()
    wide, high = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    corner = _uniform((count, 2), -1, 1, generator) * (1 - torch.stack((wide, high), 1))
    flip = 1 - 2 * (torch.rand(count, generator=generator) < augment.flip).float()
    zoom = _uniform(count, -math.log1p(augment.zoom), math.log1p(augment.zoom), generator).exp()
    angle = _uniform(count, -math.radians(augment.rotate), math.radians(augment.rotate), generator)
    slant = _uniform(count, -math.radians(augment.shear), math.radians(augment.shear), generator).tan()
    shift = _uniform((count, 2), -2 * augment.translate, 2 * augment.translate, generator)

    across, down = wide * flip / zoom, high / zoom
    cos, sin = angle.cos(), angle.sin()
    # rotation · shear · scaling, where x is stretched by the aspect before it turns and shrunk again after
    linear = torch.stack(
        (
            torch.stack((cos * across, (cos * slant - sin) * down / aspect), 1),
            torch.stack((sin * across * aspect, (sin * slant + cos) * down), 1),
        ),
        1,
    )
    return torch.cat((linear, (corner + shift)[:, :, None]), 2)


def random_colour(count: int, channels: int, augment: Augment, generator: Generator) -> tuple[Tensor, Tensor]:
    """Draw colour maps: matrices (B, C, C), and how much of each picture's mean grey to blend in, (B, 1).

    Brightness multiplies; contrast moves colours away from the picture's mean grey; saturation moves them
    away from their own grey; hue turns them about the grey axis, by up to `hue` of a full turn.
    """
    bright = _uniform(count, 1 - augment.brightness, 1 + augment.brightness, generator).clamp(min=0)
    contrast = _uniform(count, 1 - augment.contrast, 1 + augment.contrast, generator).clamp(min=0)
    vivid = _uniform(count, 1 - augment.saturation, 1 + augment.saturation, generator).clamp(min=0)
    turn = _uniform(count, -augment.hue, augment.hue, generator) * 2 * math.pi
    matrices = torch.eye(channels).repeat(count, 1, 1)
    if channels == 3:
        grey = torch.tensor(_GREY).expand(3, 3)
        matrices = grey + vivid[:, None, None] * (matrices - grey)
        matrices = _hue_matrices(turn) @ matrices
    return matrices * (bright * contrast)[:, None, None], (bright * (1 - contrast))[:, None]


def random_holes(count: int, chance: float, generator: Generator) -> Tensor:
    """Draw boxes (B, 4) as left, top, right, bottom in [0, 1]; with chance 1 - `chance` they are empty.

    A box covers 2 to 25 % of the picture with sides of 1:3 to 3:1 (Zhong et al., "Random Erasing",
    arXiv 1708.04896).
    """
    area = _uniform(count, 0.02, 0.25, generator)
    ratio = _uniform(count, -math.log(3), math.log(3), generator).exp()
    sides = torch.stack(((area * ratio).sqrt(), (area / ratio).sqrt()), 1)
    start = torch.rand(count, 2, generator=generator) * (1 - sides)
    drawn = torch.rand(count, 1, generator=generator) < chance
    return torch.cat((start, torch.where(drawn, start + sides, start)), 1)


def warp(images: Tensor, matrices: Tensor, size: tuple[int, int], padding: str) -> Tensor:
    """Resample float pictures (B, C, H, W) through affine maps (B, 2, 3), bilinearly, to (B, C, *size)."""
    grid = affine_grid(matrices.to(images), [len(images), images.shape[1], *size], align_corners=False)
    mode = {"border": "border", "reflect": "reflection"}.get(padding, "zeros")
    if padding == "white":
        return 1 - grid_sample(1 - images, grid, padding_mode=mode, align_corners=False)
    return grid_sample(images, grid, padding_mode=mode, align_corners=False)


def recolour(images: Tensor, matrices: Tensor, shifts: Tensor) -> Tensor:
    """Map the colours of each picture by its matrix, add `shifts` times its mean grey, clip to [0, 1]."""
    count, channels, height, width = images.shape
    means = images.mean((2, 3))
    grey = means @ means.new_tensor(_GREY)[:, None] if channels == 3 else means
    offset = (shifts.to(images) * grey)[:, :, None].expand(count, channels, 1)
    flat = torch.baddbmm(offset, matrices.to(images), images.flatten(2))
    return flat.clamp_(0, 1).view(count, channels, height, width)


def erase(images: Tensor, holes: Tensor) -> Tensor:
    """Fill each picture's box (left, top, right, bottom in [0, 1]) with the picture's mean colour."""
    height, width = images.shape[2:]
    left, top, right, bottom = holes.to(images)[:, :, None].unbind(1)
    across = (torch.arange(width, device=images.device) + 0.5) / width
    down = (torch.arange(height, device=images.device) + 0.5) / height
    inside_x, inside_y = (across >= left) & (across < right), (down >= top) & (down < bottom)
    inside = (inside_y[:, :, None] & inside_x[:, None, :])[:, None]
    return torch.where(inside, images.mean((2, 3), keepdim=True), images)


def _hue_matrices(turn: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the grey axis by `turn` radians (Rodrigues' formula)."""
    axis = 1 / math.sqrt(3)
    skew = torch.tensor([[0.0, -axis, axis], [axis, 0.0, -axis], [-axis, axis, 0.0]])
    cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
    return cos * torch.eye(3) + sin * skew + (1 - cos) / 3


def _uniform(shape: int | tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator) * (high - low) + low
