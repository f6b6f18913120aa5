"""Embed batches of pictures, or a whole manifest."""

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor

from dyml.data.augment import eval_transform
from dyml.data.channels import SWAPPED
from dyml.data.images import enough_pixels
from dyml.data.manifest import Manifest
from dyml.data.streaming import picture_batches
from dyml.errors import InputError


class EmbedsPictures(Protocol):
    """What these functions ask of a model: `Embedder` has it, and so has `dyml.export.OnnxEmbedder`."""

    dim: int
    channels: int
    image_size: int
    resize: int
    training: bool
    mean: Tensor

    def __call__(self, images: Tensor, /) -> Any:
        """Map (B, C, H, W) to (B, dim) unit rows."""

    def train(self, mode: bool = True, /) -> Any:
        """Set the mode."""

    def eval(self) -> Any:
        """Set the mode for use."""


@torch.inference_mode()
def embed_batches(embedder: EmbedsPictures, batches: Iterable[Tensor]) -> NDArray[np.float32]:
    """Embed pictures in evaluation mode, on the device that the embedder is on.

    Args:
        embedder: left in the mode that it was in.
        batches: (B, C, H, W) uint8 or floating point pictures, at the embedder's size.

    Returns:
        (N, dim) float32 unit rows.
    """
    training = embedder.training
    device = embedder.mean.device
    embedder.eval()
    try:
        rows = [embedder(images.to(device, non_blocking=True)).cpu() for images in batches]
    finally:
        embedder.train(training)
    return torch.cat(rows).numpy() if rows else np.empty((0, embedder.dim), np.float32)


def embed_manifest(
    embedder: EmbedsPictures,
    manifest: Manifest,
    batch_size: int = 256,
    progress: str | None = None,
    transform: Callable[[Any], Tensor] | None = None,
) -> NDArray[np.float32]:
    """Embed the pictures of a manifest, in its order of rows and of colour channels.

    Args:
        embedder: says how pictures are brought to size, too.
        manifest: the N pictures.
        batch_size: pictures at a time.
        progress: what a progress bar on stderr says; None: no bar.
        transform: from a picture to a tensor of the embedder's size; None: the embedder's own way.

    Returns:
        (N, dim) float32 unit rows.

    Raises:
        ImageError: a picture cannot be opened; the text names its file.
        InputError: the manifest's red and blue are swapped, but the embedder is for grey pictures.
    """
    if manifest.channel_order == SWAPPED and embedder.channels != 3:
        raise InputError("grey pictures have no red and blue to swap: use channel order 'stored'")
    transform = transform or eval_transform(embedder.image_size, embedder.channels, embedder.resize)
    batches: Iterable[Tensor] = picture_batches(
        manifest, transform, batch_size, embedder.channels, min_size=enough_pixels(embedder.resize)
    )
    if manifest.channel_order == SWAPPED:
        batches = (images.flip(1) for images in batches)
    if progress is not None and sys.stderr.isatty():
        total = math.ceil(len(manifest) / batch_size)
        batches = track(batches, progress, total=total, console=Console(stderr=True), transient=True)
    return embed_batches(embedder, batches)
