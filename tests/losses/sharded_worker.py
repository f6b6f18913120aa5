"""What each process of the sharded tests does: compare with one process that holds all. Raises on failure."""

from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import CrossScaleLoss, ShardedCrossScaleLoss
from dyml.losses import sharded as module
from dyml.taxonomy import Taxonomy

FINE = torch.arange(23)
TREES = {
    "three scales": torch.stack([FINE, FINE % 7, FINE % 7 % 3], dim=1),  # no class is a run of rows
    "one scale": FINE[:, None],
    "one coarse class": torch.stack([FINE, FINE * 0 + 4], dim=1),
    "classes alone": torch.stack([FINE, FINE, FINE], dim=1),
}


def batch(lineage: Tensor, world: int, kind: str) -> tuple[Tensor, Tensor]:
    """The whole batch, the same in every process."""
    generator = torch.Generator().manual_seed(3)
    rows = torch.randint(len(lineage), (4 * world,), generator=generator)
    if kind == "own classes of one process":
        rows = rows % 3
    x = normalize(torch.randn(len(rows), 6, generator=generator, dtype=torch.float64), dim=1)
    return x, lineage[rows]


def compare(lineage: Tensor, kind: str, options: dict[str, Any]) -> None:
    rank, world = dist.get_rank(), dist.get_world_size()
    scales = [f"scale{m}" for m in range(lineage.shape[1])]
    taxonomy = Taxonomy.from_labels(lineage, scales)
    settings = {"margins": [0.1 * (m + 1) for m in range(len(scales))], "scale": options.pop("scale", 20.0)}
    whole = CrossScaleLoss(taxonomy, 6, **settings).double()
    generator = torch.Generator().manual_seed(0)
    whole.load_state_dict({"proxies": torch.randn(len(lineage), 6, generator=generator)})
    sharded = ShardedCrossScaleLoss(taxonomy, 6, **settings, **options).double()
    sharded.load_proxies(whole.proxies.detach())
    x, labels = batch(lineage, world, kind)
    x.requires_grad_()
    mine = slice(4 * rank, 4 * rank + 4)
    local = x.detach()[mine].clone().requires_grad_()
    value, expected = sharded(local, labels[mine]), whole(x, labels)
    value.backward()
    expected.backward()
    assert x.grad is not None
    assert local.grad is not None
    assert whole.proxies.grad is not None
    assert sharded.proxies.grad is not None
    factor = world if sharded.averaged else 1
    close = {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(value, expected, **close)
    torch.testing.assert_close(local.grad, factor * x.grad[mine], **close)
    held = slice(sharded.classes.start, sharded.classes.stop)
    torch.testing.assert_close(sharded.proxies.grad, whole.proxies.grad[held], **close)
    torch.testing.assert_close(sharded.gather_proxies(), whole.proxies.detach())
    torch.testing.assert_close(sharded.terms(local, labels[mine]), whole.terms(x, labels), **close)


def compare_all() -> None:
    """Trees, batches and options, in a process group that has begun."""
    for lineage in TREES.values():
        for kind in ("any", "own classes of one process"):
            compare(lineage, kind, {})
    table = TREES["three scales"]
    compare(table, "any", {"averaged": False})
    compare(table, "any", {"recompute": True})
    compare(table, "any", {"scale": 1000.0})


def drawn_table() -> Tensor:
    """All proxies as they begin with a seed; rows are drawn a few at a time."""
    taxonomy = Taxonomy.from_labels(TREES["three scales"], ("a", "b", "c"))
    loss = ShardedCrossScaleLoss(taxonomy, 6)
    loss.spread()
    loss.seed = 7
    loss.reset_parameters()
    return loss.gather_proxies()


with patch.object(module, "DRAWN", 5):
    DRAWN_BY_ONE = drawn_table()  # torch.distributed has not begun


def draw_all() -> None:
    """What the proxies begin with does not depend on the number of processes; DRAWN must be 5."""
    assert torch.equal(drawn_table(), DRAWN_BY_ONE)
    assert len(DRAWN_BY_ONE.unique(dim=0)) == 23
    assert 0.8 < DRAWN_BY_ONE.norm(dim=1).mean() < 1.1


def refuse_all() -> None:
    """What is refused, in a process group that has begun."""
    rank, world, table = dist.get_rank(), dist.get_world_size(), TREES["three scales"]
    loss = ShardedCrossScaleLoss(Taxonomy.from_labels(table, ("a", "b", "c")), 6)
    x = normalize(torch.randn(2 + rank, 6), dim=1)
    with pytest.raises(InputError, match="all must be of one size"):
        loss(x, table[: 2 + rank])
    with pytest.raises(InputError, match=r"proxies must be \(23, 6\)"):
        loss.load_proxies(torch.zeros(22, 6))
    small = Taxonomy.from_labels(FINE[: world - 1, None], ("a",))
    with pytest.raises(InputError, match="cannot be spread over"):
        ShardedCrossScaleLoss(small, 6, margins=[0.1])


def work(rank: int, world: int, meeting: str) -> None:
    """What a process of the group does."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    try:
        compare_all()
        refuse_all()
        module.DRAWN = 5
        draw_all()
    finally:
        dist.destroy_process_group()
