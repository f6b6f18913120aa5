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
from sharded_worker import compare_all, draw_all, refuse_all, work
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import CrossScaleLoss, ShardedCrossScaleLoss
from dyml.losses import sharded as module
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
    [
        (1, compare_all),
        (2, compare_all),
        (3, compare_all),
        (2, refuse_all),
        (3, refuse_all),
        (1, draw_all),
        (3, draw_all),
    ],
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
    monkeypatch.setattr(module, "DRAWN", 5)
    threads.run(body)


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_processes_together_are_as_one(world: int, tmp_path: Path) -> None:
    multiprocessing.spawn(work, (world, str(tmp_path / "meeting")), nprocs=world)


def test_without_processes_one_holds_all() -> None:
    torch.manual_seed(0)
    taxonomy = Taxonomy.from_labels(torch.arange(6).view(6, 1) // torch.tensor([1, 2]), ("a", "b"))
    loss = ShardedCrossScaleLoss(taxonomy, 6)
    x, labels = (
        normalize(torch.randn(4, 6), dim=1).requires_grad_(),
        torch.tensor([[0, 0], [1, 0], [5, 2], [0, 0]]),
    )
    assert loss.proxies.is_meta
    with pytest.raises(InputError, match=r"not spread over the processes yet: call spread\(\)"):
        loss(x, labels)
    with pytest.raises(InputError, match="not spread over the processes yet"):
        loss.load_state_dict({"proxies": torch.zeros(6, 6)})
    loss.spread()
    proxies = loss.proxies
    loss.spread()
    assert loss.proxies is proxies
    whole = CrossScaleLoss(taxonomy, 6)
    whole.load_state_dict(loss.state_dict())
    for a, b in zip(
        torch.autograd.grad(loss(x, labels), [x, loss.proxies]),
        torch.autograd.grad(whole(x, labels), [x, whole.proxies]),
    ):
        torch.testing.assert_close(a, b)
    assert torch.equal(loss.gather_proxies(), loss.proxies)
