"""Pictures of a manifest in order, batch by batch, decoded ahead by threads, in bounded memory."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from dyml.data.dataset import ImageDataset
from dyml.data.manifest import Manifest

AHEAD = 2  # batches being decoded while one is in use


def picture_batches(
    manifest: Manifest,
    transform: Callable[[Any], Tensor],
    batch_size: int,
    channels: int = 3,
    threads: int | None = None,
    min_size: int | None = None,
) -> Iterator[Tensor]:
    """Yield the pictures of a manifest, in its order.

    Args:
        manifest: the pictures.
        transform: from a picture to a tensor of one size, such as `eval_transform(…)`.
        batch_size: pictures at a time.
        channels: 3 for RGB, 1 for grey.
        threads: decoding threads; None means one a processor core. Decoding leaves Python free to go on.
        min_size: as for `open_image`: large JPEGs may be decoded smaller, but not below it.

    Yields:
        (B, C, H, W) tensors; the last may be shorter.

    Raises:
        ImageError: a picture that cannot be opened; the text names its file.
    """
    pictures = ImageDataset(manifest, transform, channels, min_size)
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        waiting: list[list[Future[Tensor]]] = []
        try:
            for start in range(0, len(manifest), batch_size):
                rows = range(start, min(start + batch_size, len(manifest)))
                waiting.append([pool.submit(lambda i: pictures[i][0], row) for row in rows])
                if len(waiting) > AHEAD:
                    yield _collected(waiting.pop(0))
            while waiting:
                yield _collected(waiting.pop(0))
        finally:
            for batch in waiting:
                for future in batch:
                    future.cancel()


def _collected(batch: list[Future[Tensor]]) -> Tensor:
    return torch.stack([future.result() for future in batch])
