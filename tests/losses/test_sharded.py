"""Proxies spread over processes: the same loss and gradients as in one process that holds all."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from sharded_worker import compare_all, refuse_all, work
from torch import Tensor

from dyml.errors import InputError
from dyml.losses import ShardedCrossScaleLoss
from dyml.taxonomy import Taxonomy


class Threads:
    """Threads that stand in for processes: what they exchange lies in one list, by rank."""

    def __init__(self, world: int) -> None:
        self.barrier = threading.Barrier(world, timeout=60)
        self.slots: list[Tensor] = [torch.empty(0)] * world
        self.here = threading.local()

    def exchange(self, mine: Tensor) -> list[Tensor]:
        self.slots[self.here.rank] = mine.clone()
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found

    def all_reduce(self, part: Tensor, op: Any, group: Any = None) -> None:
        parts = torch.stack(self.exchange(part))
        part.copy_(parts.amax(0) if op == dist.ReduceOp.MAX else parts.sum(0))

    def all_gather(self, parts: list[Tensor], mine: Tensor, group: Any = None) -> None:
        for part, found in zip(parts, self.exchange(mine)):
            part.copy_(found)

    def run(self, body: Callable[[], None]) -> None:
        def one(rank: int) -> None:
            self.here.rank = rank
            body()

        with ThreadPoolExecutor(len(self.slots)) as pool:
            for future in [pool.submit(one, rank) for rank in range(len(self.slots))]:
                future.result()


@pytest.mark.parametrize(
    ("world", "body"),
    [(1, compare_all), (2, compare_all), (3, compare_all), (2, refuse_all), (3, refuse_all)],
)
def test_threads_together_are_as_one(
    world: int, body: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = Threads(world)
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_rank", lambda group=None: threads.here.rank)
    monkeypatch.setattr(dist, "get_world_size", lambda group=None: world)
    monkeypatch.setattr(dist, "all_reduce", threads.all_reduce)
    monkeypatch.setattr(dist, "all_gather", threads.all_gather)
    threads.run(body)


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_processes_together_are_as_one(world: int, tmp_path: Path) -> None:
    multiprocessing.spawn(work, (world, str(tmp_path / "meeting")), nprocs=world)


def test_without_processes_it_says_what_to_do() -> None:
    taxonomy = Taxonomy.from_labels(torch.arange(3)[:, None], ("fine",))
    with pytest.raises(InputError, match=r"torch\.distributed has not begun: call"):
        ShardedCrossScaleLoss(taxonomy, 6, margins=[0.1])
