"""Batches of K pictures a class, planned for a whole epoch at once.

A plan is a pure function of (labels, settings, seed, epoch): the same on every rank, whatever the workers,
and a stopped epoch can go on at any batch. How it is made: `dyml.data.batch_plan`.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyml.data.batch_plan import plan_batches
from dyml.errors import InputError
from dyml.taxonomy import dense_labels

Ints = NDArray[np.int64]


class Draw(NamedTuple):
    """A picture to load and the seed of its augmentation."""

    index: int  # type: ignore[assignment]  # hides tuple.index, which a draw has no use for
    seed: int


class EpochSampler(ABC):
    """A batch sampler that follows an epoch's plan; subclasses say what the plan is.

    Attributes:
        over_scales: whether the sampler is made from the label table (N, L), or from the finest classes (N,).
        epoch: set by `set_epoch`; the plan depends on it.
        start_batch: how many of this epoch's first batches to skip; another epoch resets it to 0.
    """

    over_scales: ClassVar[bool] = False

    def __init__(self, batch_size: int, batches: int, seed: int, rank: int, world_size: int) -> None:
        if not 0 <= rank < world_size:
            raise InputError(f"rank must be 0 to world_size - 1; got rank {rank} of {world_size}")
        if batches < 1:
            raise InputError(f"batches must be 1 or more; got {batches}")
        if seed < 0:
            raise InputError(f"seed must be 0 or more; got {seed}")
        self.batch_size, self.batches, self.seed = batch_size, batches, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = self.start_batch = 0

    @abstractmethod
    def plan(self) -> Ints:
        """Return the epoch's batches for this rank: (batches, batch_size / world_size) int64 positions."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose plan the next pass follows."""
        if epoch != self.epoch:
            self.epoch, self.start_batch = epoch, 0

    def __len__(self) -> int:
        """The number of batches of a whole epoch, skipped ones included."""
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        for row in self.plan()[self.start_batch :]:
            yield row.tolist()


class MPerClassSampler(EpochSampler):
    """Batches of `batch_size / per_class` classes with `per_class` pictures each.

    A class with fewer pictures than that shows some of them again.

    Args:
        labels: (N,) integers, the class of every picture.
        batch_size: pictures in a batch, over all ranks together.
        per_class: K, pictures of each class in a batch.
        batches: batches in an epoch; None means ceil(N / batch_size), one visit a picture.
        seed: with the epoch, it decides the plan.
        rank: which share of every batch's classes to give, 0 … world_size - 1.
        world_size: number of shares.

    Raises:
        InputError: sizes that do not divide, or fewer classes than a batch needs.
    """

    def __init__(
        self,
        labels: ArrayLike,
        batch_size: int,
        per_class: int = 4,
        batches: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.labels = _checked_labels(labels, 1)
        default = math.ceil(len(self.labels) / max(1, batch_size))
        super().__init__(batch_size, default if batches is None else batches, seed, rank, world_size)
        self.per_class = per_class
        self._visits = checked_visits(self.labels, batch_size, per_class, world_size)

    def plan(self) -> Ints:
        """Return this rank's batches: (batches, batch_size / world_size) int64."""
        rng = np.random.default_rng((self.seed, self.epoch))
        whole = plan_batches(self.labels, self.per_class, self._visits, self.batches, rng)
        return _share(whole, self.rank, self.world_size)


class ThreePartSampler(EpochSampler):
    """Batches of L equal parts, one a scale: part m has K pictures of each of its classes at scale m.

    The pictures of a coarser class are drawn across its fine classes. (Sun et al., "Dynamic Metric Learning",
    CVPR 2021.)

    Args:
        labels: (N, L) integers, finest scale first.
        batch_size: pictures in a batch, over all parts and ranks together.
        per_class: K, one for all scales or one a scale (a scale with few classes needs a larger one).
        batches: batches in an epoch; None means ceil(N / batch_size).
        seed: with the epoch, it decides the plan.
        rank: which share of every part's classes to give, 0 … world_size - 1.
        world_size: number of shares.

    Attributes:
        parts: where each scale's part lies in this rank's batches, fine to coarse.

    Raises:
        InputError: sizes that do not divide, or a scale with fewer classes than its part needs.
    """

    over_scales = True

    def __init__(
        self,
        labels: ArrayLike,
        batch_size: int,
        per_class: int | Sequence[int] = 4,
        batches: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.labels = _checked_labels(labels, 2)
        scales = self.labels.shape[1]
        default = math.ceil(len(self.labels) / max(1, batch_size))
        super().__init__(batch_size, default if batches is None else batches, seed, rank, world_size)
        self.per_class = (per_class,) * scales if isinstance(per_class, int) else tuple(per_class)
        if len(self.per_class) != scales:
            raise InputError(f"per_class must be one number, or {scales} (one a scale); got {per_class}")
        if batch_size % scales:
            raise InputError(
                f"batch_size must divide into {scales} equal parts, one a scale; got {batch_size}. "
                f"Use {max(1, batch_size // scales) * scales}."
            )
        part = batch_size // scales
        self._visits = [
            checked_visits(column, part, k, world_size, f"the part of scale {m} (1/{scales} of a batch)")
            for m, (column, k) in enumerate(zip(self.labels.T, self.per_class))
        ]
        mine = part // world_size
        self.parts = tuple(slice(m * mine, (m + 1) * mine) for m in range(scales))

    def plan(self) -> Ints:
        """Return this rank's batches: (batches, batch_size / world_size) int64, part after part."""
        rng = np.random.default_rng((self.seed, self.epoch))
        parts = [
            plan_batches(column, k, visits, self.batches, rng, self.labels[:, 0] if m else None)
            for m, (column, k, visits) in enumerate(zip(self.labels.T, self.per_class, self._visits))
        ]
        return np.concatenate([_share(part, self.rank, self.world_size) for part in parts], axis=1)


class SeededBatches:
    """Give every picture of a batch sampler its own augmentation seed.

    The seeds depend on (seed, epoch, rank, batch, position) alone, not on the workers, nor on where the epoch
    was taken up again.

    Args:
        sampler: an `EpochSampler`.
        seed: of the augmentation.
    """

    def __init__(self, sampler: EpochSampler, seed: int = 0) -> None:
        self.sampler, self.seed = sampler, seed

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the sampler."""
        self.sampler.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[Draw]]:
        sampler = self.sampler
        for place, batch in enumerate(sampler, start=sampler.start_batch):
            state = np.random.SeedSequence((self.seed, sampler.epoch, sampler.rank, place))
            seeds = state.generate_state(len(batch), np.uint64) >> np.uint64(1)
            yield [Draw(index, seed) for index, seed in zip(batch, seeds.tolist())]


def checked_visits(
    labels: Ints, pictures: int, per_class: int, world_size: int, what: str = "a batch"
) -> int:
    """Return how many classes a batch, or a part of one, has.

    Raises:
        InputError: the sizes do not divide, or there are too few classes; the text says what would do.
    """
    if per_class < 1 or pictures < 1:
        raise InputError(f"{what}: per_class and batch_size must be 1 or more; got {per_class}, {pictures}")
    step = per_class * world_size
    if pictures % step:
        ranks = f" × {world_size} ranks" if world_size > 1 else ""
        fitting = sorted({max(1, pictures // step) * step, (pictures // step + 1) * step})
        raise InputError(
            f"{what} has {pictures} pictures, which is not a multiple of per_class {per_class}{ranks}. "
            f"Give it {' or '.join(map(str, fitting))}."
        )
    classes, visits = int(labels.max()) + 1, pictures // per_class
    if visits > classes:
        raise InputError(
            f"{what} has {pictures} pictures, so with {per_class} a class it needs {visits} classes, but "
            f"there are {classes}. {_mend(pictures, per_class, classes, world_size)}"
        )
    return visits


def _mend(pictures: int, per_class: int, classes: int, world_size: int) -> str:
    fewer = classes // world_size * world_size * per_class
    larger = [
        k
        for k in range(per_class, pictures // world_size + 1)
        if pictures % (k * world_size) == 0 and pictures // k <= classes
    ]
    mends = [f"{fewer} pictures"] * (fewer > 0) + [f"per_class {k}" for k in larger[:1]]
    return f"Give it {' or '.join(mends)}." if mends else "Use fewer ranks."


def _checked_labels(labels: ArrayLike, dimensions: int) -> Ints:
    table = np.asarray(labels)
    if table.ndim != dimensions or table.size == 0 or not np.issubdtype(table.dtype, np.integer):
        shape = "(N,)" if dimensions == 1 else "(N, L)"
        raise InputError(f"labels must be {shape} integers, not empty; got {table.dtype} {table.shape}")
    return dense_labels(table.reshape(len(table), -1)).reshape(table.shape)


def _share(plan: Ints, rank: int, world_size: int) -> Ints:
    width = plan.shape[1] // world_size
    return plan[:, rank * width : (rank + 1) * width]
