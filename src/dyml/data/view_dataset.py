"""Training pictures opened from disk, of which each draw sees a random crop; bad ones are replaced."""

import torch
from torch import Tensor
from torch.utils.data import Dataset

from dyml.data.augment import Augment
from dyml.data.faults import Faults
from dyml.data.images import RefusedImage
from dyml.data.manifest import Manifest
from dyml.data.random_view import random_view
from dyml.data.samplers import Draw


class ViewDataset(Dataset[tuple[Tensor, Tensor, int]]):
    """The pictures of a manifest, opened when they are asked for, cropped at random by the seed of the draw.

    What else augments pictures is done to whole batches (`BatchAugment` of `Augment.without_crop`). A picture
    that cannot be opened is noted in `faults`, and another of its class takes its place.

    Worker processes share all that this holds: Arrow columns and arrays, no lists of objects, so that their
    memory does not grow with the epochs.

    Args:
        manifest: the pictures and their labels.
        augment: its crop is used.
        size: side of the result in pixels.
        channels: 3 for RGB, 1 for grey.
        faults: of the same manifest.
    """

    def __init__(
        self, manifest: Manifest, augment: Augment, size: int, channels: int, faults: Faults
    ) -> None:
        self.manifest, self.augment, self.size, self.channels = manifest, augment, size, channels
        self.faults = faults
        self.labels = torch.from_numpy(manifest.labels.copy())

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, item: int | Draw) -> tuple[Tensor, Tensor, int]:
        """Return (picture (C, size, size) uint8, labels (L,) int64, row of the picture that is shown).

        Raises:
            ImageError: too many pictures are bad, or none of the class can be opened.
        """
        draw = item if isinstance(item, Draw) else Draw(item, 0)
        for row in self.faults.order(draw.index, draw.seed):
            try:
                path = self.manifest.full_path(row)
                picture = random_view(path, self.augment, self.size, self.channels, draw.seed)
            except RefusedImage:
                self.faults.note(row)
                continue
            return picture, self.labels[row], row
        raise self.faults.none_left(draw.index)
