"""How long a study takes: from the seconds of finished runs, else from a few steps made on trial."""

import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dyml.study.plan import Task
from dyml.study.running import limit_threads, read_record
from dyml.training.config import Config

Key = tuple[str, str]  # set, method

EVALUATION = 1.2e-8
"""Seconds of evaluation a pair of test pictures: a small share of a run, so a rough figure will do."""


@dataclass
class Clock:
    """Seconds a run by set and method; what finished runs say goes before what was tried out.

    Attributes:
        tried: from `trial_seconds`.
        taken: of finished runs.
    """

    tried: Mapping[Key, float] = field(default_factory=dict)
    taken: dict[Key, list[float]] = field(default_factory=dict)

    def note(self, task: Task, seconds: float | None) -> None:
        """Add the seconds of a finished run."""
        if seconds is not None:
            self.taken.setdefault(key_of(task), []).append(seconds)

    def seconds(self, task: Task) -> float | None:
        """Return what a run of this set and method takes; None where nothing is known.

        A method that has not been run yet is corrected by how far off the trials of its set were.
        """
        key = key_of(task)
        if key in self.taken:
            return statistics.mean(self.taken[key])
        if key not in self.tried:
            of_set = [
                second for (name, _), seconds in self.taken.items() if name == key[0] for second in seconds
            ]
            return statistics.mean(of_set) if of_set else None
        ratios = [
            statistics.mean(seconds) / self.tried[other]
            for other, seconds in self.taken.items()
            if other[0] == key[0] and self.tried.get(other)
        ]
        return self.tried[key] * (statistics.median(ratios) if ratios else 1.0)

    def remaining(self, tasks: Iterable[Task], workers: int = 1) -> float | None:
        """Return how long these tasks take together; None where nothing is known of one."""
        each = [self.seconds(task) for task in tasks]
        known = [seconds for seconds in each if seconds is not None]
        return None if len(known) < len(each) else max([sum(known) / workers, *known], default=0.0)


def key_of(task: Task) -> Key:
    """Return set and method."""
    return task.chosen.name, task.method.key


def clock_of(tasks: Sequence[Task], steps: int = 3) -> Clock:
    """Return a clock that knows the finished runs and has tried out the sets that have none.

    Args:
        tasks: of the whole study.
        steps: made on trial in each of those sets.
    """
    clock = Clock()
    for task in tasks:
        if task.state() == "done":
            clock.note(task, read_record(task).get("seconds"))
    timed = {name for name, _ in clock.taken}
    unknown: dict[str, dict[Key, Task]] = {}
    for task in tasks:
        if task.chosen.name not in timed:
            unknown.setdefault(task.chosen.name, {}).setdefault(key_of(task), task)
    tried: dict[Key, float] = {}
    for of_set in unknown.values():
        tried |= trial_seconds(of_set, steps)
    clock.tried = tried
    return clock


def trial_seconds(tasks: Mapping[Key, Task], steps: int = 3) -> dict[Key, float]:
    """Estimate a run of each task of one set: pictures are loaded, a few steps made, the losses timed alone.

    The network's share of a step is the same for all methods and timed with the first of them.
    """
    from dyml.training.build import build_embedder
    from dyml.training.datamodule import PictureData
    from dyml.training.precision import decide_precision

    first = decide_precision(next(iter(tasks.values())).config)
    limit_threads(first.train.threads or 1)
    started = time.perf_counter()
    data = PictureData(first)
    data.load()
    loading = time.perf_counter() - started
    network = _network_seconds(first, data, build_embedder(first, data.train.taxonomy), steps)
    batches, tests = data.batches_per_epoch, len(data.test or ())
    judging = network / 3 * tests / first.sampler.batch_size + EVALUATION * tests**2
    return {
        key: loading
        + judging
        + batches * task.config.train.epochs * (network + _loss_seconds(task.config, data, steps))
        for key, task in tasks.items()
    }


def _network_seconds(config: Config, data: object, embedder: object, steps: int) -> float:
    """Return the median seconds of a step without its loss."""
    import torch

    from dyml.data.batch_augment import BatchAugment
    from dyml.training.build import build_optimizer

    images = _some_pictures(config, data)
    augment = BatchAugment(config.augment, config.data.size, config.data.padding)
    optimizer = build_optimizer(config.optim, embedder, torch.nn.Identity())  # type: ignore[arg-type]
    seconds = []
    for step in range(steps + 1):
        started = time.perf_counter()
        augmented = augment(images, step) if config.data.ram else images
        with torch.autocast("cpu", torch.bfloat16, enabled=config.train.precision == "bf16-mixed"):
            vectors = embedder(augmented)  # type: ignore[operator]
        vectors.float().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


def _loss_seconds(config: Config, data: object, steps: int) -> float:
    """Return the median seconds of a loss forward and backward on random vectors."""
    import torch
    from torch.nn.functional import normalize

    from dyml.training.build import build_loss, build_sampler

    train = data.train  # type: ignore[attr-defined]
    loss = build_loss(config, train.taxonomy)
    rows = next(iter(build_sampler(config, train)))
    labels = torch.from_numpy(train.labels[rows].copy())
    generator = torch.Generator().manual_seed(0)
    vectors = normalize(torch.randn(len(labels), config.model.dim, generator=generator), dim=1)
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        loss(vectors.clone().requires_grad_(), labels).backward()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _some_pictures(config: Config, data: object) -> object:
    import torch

    batch = next(iter(data.test_batches()))  # type: ignore[attr-defined]
    size = config.sampler.batch_size
    return torch.cat([batch] * -(-size // len(batch)))[:size]


def in_words(seconds: float | None) -> str:
    """Return a time as people say it.

    >>> in_words(42), in_words(61), in_words(5400), in_words(None)
    ('42 s', '1 min', '1 h 30 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
