"""Pictures in whatever form another tool holds them, brought to what an embedder takes."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dyml.data.augment import eval_transform
from dyml.data.images import decode_image, enough_pixels, open_image
from dyml.errors import InputError
from dyml.models.embedding import EmbedsPictures

Picture = str | Path | bytes | Image.Image | np.ndarray[Any, Any]
ONE = (str, Path, bytes, Image.Image)


def is_one(pictures: Any) -> bool:
    """Return whether this is a single picture, not several.

    An array counts as several if it has four dimensions: (N, H, W, C).
    """
    return isinstance(pictures, ONE) or (isinstance(pictures, np.ndarray) and 2 <= pictures.ndim <= 3)


def tensor_maker(embedder: EmbedsPictures) -> Callable[[Picture, str], Tensor]:
    """Return a function from a picture, and a name for messages, to a tensor (C, S, S) of bytes."""
    transform = eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    channels, least = embedder.channels, enough_pixels(embedder.resize)

    def tensor_of(picture: Picture, name: str) -> Tensor:
        if isinstance(picture, (str, Path)):
            opened = open_image(picture, channels, least)
        elif isinstance(picture, bytes):
            opened = decode_image(BytesIO(picture), name, channels, least)
        elif isinstance(picture, Image.Image):
            opened = picture.convert("RGB" if channels == 3 else "L")
        else:
            opened = _from_array(picture, name).convert("RGB" if channels == 3 else "L")
        return transform(opened)

    return tensor_of


def in_batches(embedder: EmbedsPictures, pictures: Sequence[Picture], batch_size: int) -> Iterator[Tensor]:
    """Yield pictures as the embedder takes them, (B, C, S, S) bytes.

    Args:
        embedder: says how they are brought to size.
        pictures: paths, encoded bytes, PIL pictures, or uint8 arrays (H, W) or (H, W, 3); or one array
            (N, H, W, C).
        batch_size: pictures at a time.

    Raises:
        ImageError: a picture cannot be opened.
        InputError: something is no picture.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more; got {batch_size}")
    tensor_of = tensor_maker(embedder)
    for start in range(0, len(pictures), batch_size):
        part = pictures[start : start + batch_size]
        yield torch.stack([tensor_of(one, f"picture {start + i}") for i, one in enumerate(part)])


def _from_array(values: Any, name: str) -> Image.Image:
    if not isinstance(values, np.ndarray):
        raise InputError(
            f"{name} is a {type(values).__name__}: give a path, encoded bytes, a PIL picture, or uint8 array"
        )
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.dtype != np.uint8 or not (values.ndim == 2 or (values.ndim == 3 and values.shape[2] == 3)):
        raise InputError(
            f"{name} must be uint8, (H, W) or (H, W, 3), values 0 to 255; got {values.shape} {values.dtype}"
        )
    return Image.fromarray(np.ascontiguousarray(values))
