"""A random crop of a picture, of which no more is decoded than the crop needs.

The crop is drawn from the picture's size in its header. A JPEG is then decoded at the smallest of its
built-in scales (1, 1/2, 1/4, 1/8) at which the crop still has the pixels that are wanted, and only then
brought to size.
"""

import math
import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dyml.data.augment import Augment, fit_size
from dyml.data.images import enough_pixels, open_image

Box = tuple[float, float, float, float]


def random_view(path: str | Path, augment: Augment, size: int, channels: int, seed: int) -> Tensor:
    """Open a picture and return a random crop of it, or its centre where `augment` crops nothing.

    Args:
        path: the file.
        augment: its `crop_scale` and `crop_ratio` are used.
        size: side of the result in pixels.
        channels: 3 for RGB, 1 for grey.
        seed: decides the crop.

    Returns:
        (channels, size, size) uint8.

    Raises:
        RefusedImage: the picture cannot be opened.
    """
    if augment.crop_scale == (1, 1) and augment.crop_ratio == (1, 1):
        return as_tensor(fit_size(open_image(path, channels, enough_pixels(size)), size))
    drawn: list[tuple[int, int, Box]] = []

    def needed(width: int, height: int) -> int:
        box = random_box(width, height, augment, random.Random(seed))
        drawn.append((width, height, box))
        narrow = min(box[2] - box[0], box[3] - box[1])
        return math.ceil(size * min(width, height) / narrow)

    picture = open_image(path, channels, needed)
    if not drawn:  # no JPEG, so no more than its size could be asked for
        needed(*picture.size)
    width, height, box = drawn[0]
    across, down = picture.width / width, picture.height / height
    right, bottom = min(box[2] * across, picture.width), min(box[3] * down, picture.height)
    scaled = (box[0] * across, box[1] * down, right, bottom)
    return as_tensor(picture.resize((size, size), Image.Resampling.BILINEAR, box=scaled))


def random_box(width: int, height: int, augment: Augment, rng: random.Random) -> Box:
    """Draw a crop as (left, top, right, bottom) in pixels, as torchvision's `RandomResizedCrop` does.

    A share of the area and a ratio of the sides are drawn until the box fits, ten times at most; the fallback
    is the largest box in the centre with a ratio that is allowed.
    """
    low, high = (math.log(bound) for bound in augment.crop_ratio)
    for _ in range(10):
        area = width * height * rng.uniform(*augment.crop_scale)
        ratio = math.exp(rng.uniform(low, high))
        w, h = math.sqrt(area * ratio), math.sqrt(area / ratio)
        if w <= width and h <= height:
            left, top = rng.uniform(0, width - w), rng.uniform(0, height - h)
            return left, top, left + w, top + h
    ratio = min(max(width / height, augment.crop_ratio[0]), augment.crop_ratio[1])
    w, h = min(width, height * ratio), min(height, width / ratio)
    left, top = (width - w) / 2, (height - h) / 2
    return left, top, left + w, top + h


def as_tensor(picture: Image.Image) -> Tensor:
    """Return an RGB or grey picture as a uint8 tensor (C, H, W)."""
    pixels = np.array(picture)
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
