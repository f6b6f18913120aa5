"""The pictures of a manifest, read from a pack."""

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from dyml.data.dataset import Batch, good_rows
from dyml.data.faults import Faults
from dyml.data.manifest import Manifest
from dyml.data.packing.pack import Pack
from dyml.data.samplers import Draw
from dyml.data.text_column import TextColumn
from dyml.errors import RunError


class PackedDataset(Dataset[tuple[Tensor, Tensor, int]]):
    """The same pictures as a `RamDataset` of that size, mapped from a pack instead of decoded into memory.

    Labels come from the manifest, never from the pack: a pack cannot be out of date with them.

    Args:
        manifest: the pictures and their labels.
        pack: it holds them, or all but those in `bad`.
        bad: rows of pictures that could not be packed.
        faults: where given, those are noted there and others take their places.

    Raises:
        RunError: pictures are not in the pack.
        ImageError: too many are bad.
    """

    def __init__(
        self, manifest: Manifest, pack: Pack, bad: Iterable[int] = (), faults: Faults | None = None
    ) -> None:
        self.manifest, self.pack, self.faults = manifest, pack, faults
        self.places = pack.find(TextColumn.of(manifest.paths))
        self.labels = torch.from_numpy(manifest.labels.copy())
        bad = set(bad)
        missing = [row for row in np.flatnonzero(self.places < 0).tolist() if row not in bad]
        if missing:
            raise RunError(
                f"{pack.folder} lacks {len(missing):,} of {len(manifest):,} pictures, such as "
                f"{manifest.paths[missing[0]]}. `dyml data pack {manifest.root} {pack.folder}` adds them."
            )
        if faults is not None and bad:
            faults.flags[list(bad)] = 1
            faults.check()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, item: int | Draw) -> tuple[Tensor, Tensor, int]:
        batch = self.__getitems__([item])
        return batch.images[0], batch.labels[0], int(batch.index[0])

    def __getitems__(self, items: Sequence[int | Draw]) -> Batch:
        """Return a whole batch, collated."""
        index = torch.tensor(good_rows(items, self.faults))
        pixels = torch.from_numpy(self.pack.read(self.places[index.numpy()]))
        return Batch(pixels, self.labels[index], index)
