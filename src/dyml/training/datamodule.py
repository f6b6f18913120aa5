"""The pictures of a run: the training batches by number of step, the test pictures in order."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from torch import Tensor
from torch.utils.data import DataLoader

from dyml.data.augment import eval_transform
from dyml.data.channels import STORED, SWAPPED, ChannelOrder
from dyml.data.dataset import MAX_BYTES, ImageDataset, RamDataset, collate, ram_bytes
from dyml.data.faults import Faults
from dyml.data.glyphs import glyph_cache
from dyml.data.images import enough_pixels
from dyml.data.looking import refuse_bad
from dyml.data.manifest import Manifest, read_manifest
from dyml.data.official.opening import recorded_order
from dyml.data.packing import PackedDataset, Recipe
from dyml.data.packing.opening import AUTO, open_packed
from dyml.data.samplers import SeededBatches
from dyml.data.streaming import picture_batches
from dyml.data.view_dataset import ViewDataset
from dyml.errors import ConfigError, ImageError
from dyml.training.build import build_sampler
from dyml.training.config import Config, DataConfig


def open_manifest(config: DataConfig) -> Manifest:
    """Read the manifest that a configuration names, or the built-in glyphs."""
    root = glyph_cache(config.size) if config.root is None else config.root
    # A table given by its whole path lies elsewhere, as where the pictures cannot be written to.
    elsewhere = root if config.manifest is not None and Path(config.manifest).is_absolute() else None
    manifest = read_manifest(root / (config.manifest or ""), config.scales, elsewhere)
    return replace(manifest, channel_order=channel_order(config))


def channel_order(config: DataConfig) -> ChannelOrder:
    """Return how colours are to be read: as configured, else as chosen when an official set was converted.

    Raises:
        ConfigError: swapped, for grey pictures.
    """
    order = config.channel_order
    if order is None:
        order = STORED if config.root is None else recorded_order(*official_places(config))
    if order == SWAPPED and config.channels == 1:
        raise ConfigError("grey pictures have no red and blue to swap: set --data.channel_order stored")
    return order


def official_places(config: DataConfig) -> list[Path]:
    """Return where the record of an official set's conversion, or the set itself, may lie."""
    if config.root is None:
        return []
    return [(config.root / (config.manifest or "manifest.csv")).parent, config.root]


class StepLoader(DataLoader):
    """A loader whose place in an epoch follows from the trainer's step: it needs no state.

    Attributes:
        faults: what the worker processes note; read before each batch is given.
    """

    faults: Faults | None = None

    def __iter__(self) -> Any:
        """Yield batches until too many pictures are bad.

        Raises:
            ImageError: they are; the text names files.
        """
        batches = super().__iter__()
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except ImageError:
                # From a worker process it comes with a traceback as its text; here it is said anew.
                if self.faults is not None:
                    self.faults.check()
                raise
            if self.faults is not None:
                self.faults.check()
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: see `PictureData.train_dataloader`."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take nothing."""


class PictureData(L.LightningDataModule):
    """Reads the manifest at once (so that its faults show before anything starts) and pictures with `load`.

    Args:
        config: the run's settings.

    Attributes:
        train: manifest of the training split.
        test: manifest of the test split; None where the configuration names none.
        validation: manifest of what is measured during training; None where there is none.
        shared: names of the fine classes that are trained on and tested, too; none in an open-set split.
        faults: the training pictures that could not be opened so far.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        manifest = open_manifest(config.data)
        self.train = manifest.only(config.data.train)
        self.test = None if config.data.test is None else manifest.only(config.data.test)
        watched = config.data.validation or config.data.test
        if watched is None and config.train.validate_every is not None:
            raise ConfigError(
                "there is nothing to measure during training: name a split with --data.validation, or leave "
                "out --train.validate_every"
            )
        self.validation = self.test
        if watched is not None and watched != config.data.test:
            self.validation = manifest.only(watched)
        tested = () if self.test is None else _fine_names(self.test)
        self.shared = sorted(set(_fine_names(self.train)) & set(tested))
        self.batches_per_epoch = len(build_sampler(config, self.train))
        in_memory = config.data.ram and config.data.pack is None
        if in_memory and not _fits(self.train, config.data.resize or config.data.size, config.data):
            raise ConfigError(
                f"{len(self.train):,} training pictures take over {MAX_BYTES / 2**30:.0f} GB of memory: "
                f"set --data.ram false, which opens them from disk each time, or --data.pack auto, which "
                f"brings them to size once, or choose a smaller --data.size"
            )
        self.faults = Faults(self.train)
        self._train_pictures: ViewDataset | RamDataset | PackedDataset | None = None
        self._judged: dict[Manifest, RamDataset | PackedDataset] = {}

    def load(self) -> None:
        """Get the pictures ready: bring the pack up to date, decode them into memory, or open them later.

        The pictures that are measured, too, so that a bad one shows before the training and not after it.

        Raises:
            ImageError: more than 1 % of the training pictures, or a picture of another split, cannot be
                opened; the text names files.
            RunError: the pack cannot be written or read.
        """
        settings = self.config.data
        if self._train_pictures is not None:
            return
        size = settings.resize or settings.size
        if settings.pack is not None:
            recipe = Recipe(size, settings.channels)
            self._train_pictures = open_packed(self.train, settings.pack, recipe, self.faults)
        elif settings.ram:
            self._train_pictures = RamDataset(self.train, size, settings.channels, faults=self.faults)
        else:
            self._train_pictures = ViewDataset(
                self.train, self.config.augment, settings.size, settings.channels, self.faults
            )
        for manifest in (self.test, self.validation):
            if manifest is not None and self._in_memory(manifest) is None:
                refuse_bad(manifest)

    def test_batches(self) -> Iterator[Tensor]:
        """Yield the test pictures in order as (B, C, size, size) uint8.

        Raises:
            ImageError: a picture cannot be opened; the text names its file.
        """
        size = self.config.eval.batch_size
        assert self.test is not None
        pictures = self._in_memory(self.test)
        if pictures is not None:
            for start in range(0, len(pictures), size):
                yield pictures.__getitems__(range(start, min(start + size, len(pictures)))).images
            return
        transform, channels, least = self._as_judged()
        yield from picture_batches(self.test, transform, size, channels, min_size=least)

    def train_dataloader(self) -> StepLoader:
        """Return the batches from the trainer's step on.

        Which pictures a step sees, and their augmentation, follow from its number alone. So a resumed run
        needs nothing but that number to go on as if it had never stopped.
        """
        self.load()
        assert self._train_pictures is not None
        assert self.trainer is not None
        sampler = build_sampler(self.config, self.train, self.trainer.global_rank, self.trainer.world_size)
        epoch, start = divmod(self.trainer.global_step, len(sampler))
        sampler.set_epoch(epoch)
        sampler.start_batch = start
        in_memory = isinstance(self._train_pictures, RamDataset)
        workers = 0 if in_memory else self.config.data.workers
        loader = StepLoader(
            self._train_pictures,
            batch_sampler=SeededBatches(sampler, self.config.train.seed),
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self.trainer.accelerator.__class__.__name__ == "CUDAAccelerator",
        )
        loader.faults = self.faults
        return loader

    def val_dataloader(self) -> DataLoader[Any]:
        """Return the validation pictures, in order, decoded once if there is memory for them."""
        assert self.validation is not None
        pictures: Any = self._in_memory(self.validation)
        if pictures is None:
            pictures = ImageDataset(self.validation, *self._as_judged())
        return DataLoader(pictures, batch_size=self.config.eval.batch_size, collate_fn=collate)

    def _in_memory(self, manifest: Manifest) -> RamDataset | PackedDataset | None:
        """Return pictures as they are judged, decoded once; None where they are opened each time."""
        settings = self.config.data
        recipe = Recipe(settings.size, settings.channels, settings.resize)
        # A pack that was named holds one size; one in the cache is made for each.
        packed = settings.pack is not None and (recipe.resize is None or str(settings.pack) == AUTO)
        if not packed and not (settings.ram and _fits(manifest, settings.size, settings)):
            return None
        if manifest not in self._judged:
            if packed:
                assert settings.pack is not None
                self._judged[manifest] = open_packed(manifest, settings.pack, recipe)
            else:
                self._judged[manifest] = RamDataset(
                    manifest, settings.size, settings.channels, resize=settings.resize
                )
        return self._judged[manifest]

    def _as_judged(self) -> tuple[Any, int, int]:
        """Return transform, channels and least size with which pictures are opened to be judged."""
        settings = self.config.data
        transform = eval_transform(settings.size, settings.channels, settings.resize)
        return transform, settings.channels, enough_pixels(settings.resize or settings.size)


def _fits(manifest: Manifest, size: int, settings: DataConfig) -> bool:
    return ram_bytes(len(manifest), size, settings.channels) <= MAX_BYTES


def _fine_names(manifest: Manifest) -> tuple[str, ...]:
    return () if manifest.taxonomy.names is None else manifest.taxonomy.names[0]
