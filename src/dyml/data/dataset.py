"""Pictures of a manifest as torch datasets: opened one by one, or decoded once into memory.

Both give (image, labels, index). Both take positions, or `Draw`s of position and augmentation seed.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from dyml.data.augment import fit_size
from dyml.data.faults import Faults
from dyml.data.images import RefusedImage, enough_pixels, open_image
from dyml.data.manifest import Manifest
from dyml.data.random_view import as_tensor
from dyml.data.samplers import Draw
from dyml.errors import InputError

MAX_BYTES = 4 * 2**30
_CHUNK = 32  # pictures of one task: large enough to hide the cost of handing it out


class Batch(NamedTuple):
    """Collated pictures: images (B, C, H, W), labels (B, L) int64 finest first, index (B,) int64."""

    images: Tensor
    labels: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which a batch has no use for


class ImageDataset(Dataset[tuple[Any, Tensor, int]]):
    """The pictures of a manifest, opened when they are asked for.

    Args:
        manifest: the pictures and their labels.
        transform: from a picture to a tensor, such as `train_transform(…)`; None gives the uint8 tensor
            (channels, H, W) of the picture as it is.
        channels: 3 for RGB, 1 for grey.
        min_size: pixels that the shorter side is needed in; large JPEGs are then decoded smaller, much faster
            and with slightly other values. None decodes every pixel.

    Raises:
        ImageError: on access, a picture that cannot be opened; the text names its file.
    """

    def __init__(
        self,
        manifest: Manifest,
        transform: Callable[[Any], Any] | None = None,
        channels: int = 3,
        min_size: int | None = None,
    ) -> None:
        self.manifest, self.channels, self.min_size = manifest, channels, min_size
        self.transform = as_tensor if transform is None else transform
        self.labels = torch.from_numpy(manifest.labels.copy())

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, item: int | Draw) -> tuple[Any, Tensor, int]:
        """Return (image, labels (L,) int64, index).

        A `Draw` seeds torch's generator for this one picture and restores it after, so that its augmentation
        is the same whatever the workers; a plain position leaves chance to the caller.
        """
        index = item.index if isinstance(item, Draw) else item
        picture = open_image(self.manifest.full_path(index), self.channels, self.min_size)
        if isinstance(item, Draw):
            with seeded(item.seed):
                return self.transform(picture), self.labels[index], index
        return self.transform(picture), self.labels[index], index


class RamDataset(Dataset[tuple[Tensor, Tensor, int]]):
    """The pictures of a manifest, decoded once into one uint8 tensor: for small pictures and many epochs.

    Pictures are brought to size as `eval_transform` does.

    A batch is one indexing operation and comes collated, so a loader must use `collate`. The seeds of `Draw`s
    are not used here: augmentation of whole batches (`BatchAugment`) follows after. Worker processes share
    the tensor.

    Args:
        manifest: the pictures and their labels.
        size: side of the pictures in pixels.
        channels: 3 for RGB, 1 for grey.
        squash: keep whole pictures and give up their proportions, instead of cutting out the centre.
        max_bytes: how much memory the pictures may take.
        threads: decoding threads; None means one a processor core.
        progress: show a progress bar where stderr is a terminal.
        resize: length of the shorter side before the centre is cut out; None means `size`.
        faults: where given, pictures that cannot be opened are noted there and others take their places in
            batches; None refuses the first.

    Attributes:
        images: (N, channels, size, size) uint8.
        labels: (N, L) int64, finest scale first.

    Raises:
        InputError: the pictures would take more memory than `max_bytes`; nothing is decoded then.
        ImageError: a picture that cannot be opened; the text names its file.
    """

    def __init__(
        self,
        manifest: Manifest,
        size: int,
        channels: int = 3,
        squash: bool = False,
        max_bytes: int = MAX_BYTES,
        threads: int | None = None,
        progress: bool = True,
        resize: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.manifest, self.size, self.channels, self.faults = manifest, size, channels, faults
        needed = ram_bytes(len(manifest), size, channels)
        if needed > max_bytes:
            raise InputError(
                f"{len(manifest):,} pictures of {size} × {size} × {channels} take {needed / 2**30:.2f} GB of "
                f"memory, more than max_bytes allows ({max_bytes / 2**30:.2f} GB). Choose a smaller size, "
                "raise max_bytes, or open pictures one by one (ImageDataset)."
            )
        self.labels = torch.from_numpy(manifest.labels.copy())
        self.images = torch.empty((len(manifest), channels, size, size), dtype=torch.uint8)
        decode_all(manifest, self.images, squash, threads, progress, resize, faults)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int | Draw) -> tuple[Tensor, Tensor, int]:
        index = item.index if isinstance(item, Draw) else item
        return self.images[index], self.labels[index], index

    def __getitems__(self, items: Sequence[int | Draw]) -> Batch:
        """Return a whole batch, collated."""
        index = torch.tensor(good_rows(items, self.faults))
        return Batch(self.images[index], self.labels[index], index)


def collate(batch: Any) -> Batch:
    """Collate items of either dataset; a batch that comes collated passes through.

    Use it as a loader's `collate_fn`.
    """
    return batch if isinstance(batch, Batch) else Batch(*default_collate(batch))


def good_rows(items: Sequence[int | Draw], faults: Faults | None) -> list[int]:
    """Return the rows of a batch, others of their classes in the place of those that are known as bad."""
    draws = [item if isinstance(item, Draw) else Draw(item, 0) for item in items]
    if faults is None or not len(faults):
        return [draw.index for draw in draws]
    return [faults.stand_in(draw.index, draw.seed) for draw in draws]


def ram_bytes(count: int, size: int, channels: int = 3) -> int:
    """Return the bytes that a `RamDataset` of `count` pictures takes."""
    return count * channels * size * size


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator inside the block and put its state back after."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(state)


def decode_all(
    manifest: Manifest,
    images: Tensor,
    squash: bool = False,
    threads: int | None = None,
    progress: bool = True,
    resize: int | None = None,
    faults: Faults | None = None,
) -> None:
    """Decode every picture into its row of `images`, in threads (decoders release the interpreter).

    Args:
        manifest: N pictures.
        images: (N, 1 or 3, S, S) uint8, filled in place.
        squash: keep whole pictures and give up their proportions.
        threads: None means one a processor core.
        progress: show a progress bar where stderr is a terminal.
        resize: length of the shorter side before the centre is cut out; None means S.
        faults: where given, pictures that cannot be opened are noted there and left grey.

    Raises:
        ImageError: of the first picture found that cannot be opened, or, with `faults`, when there are too
            many; the rest is not tried.
    """
    count, channels, size = images.shape[:3]

    def decode(start: int) -> int:
        stop = min(start + _CHUNK, count)
        for index in range(start, stop):
            try:
                picture = open_image(manifest.full_path(index), channels, enough_pixels(resize or size))
            except RefusedImage:
                if faults is None:
                    raise
                images[index] = 127
                faults.note(index)
                continue
            images[index] = as_tensor(fit_size(picture, size, resize, squash))
        return stop - start

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool, _bar(count, progress) as advance:
        futures = [pool.submit(decode, start) for start in range(0, count, _CHUNK)]
        try:
            for future in as_completed(futures):
                advance(future.result())
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("decoding pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    shown = progress and sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.advance(task, done)
