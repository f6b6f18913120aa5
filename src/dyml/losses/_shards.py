"""How a run of rows held by one process of torch.distributed is made whole: sums over all processes."""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


class Shard(NamedTuple):
    """The rows that this process holds begin at `start`; `group` has the processes that hold the others."""

    start: int
    group: Any = None

    def total(self, part: Tensor) -> Tensor:
        """Return the sum of `part` over all processes; changes it in place."""
        dist.all_reduce(part, dist.ReduceOp.SUM, group=self.group)
        return part

    def log_total(self, logs: Tensor) -> Tensor:
        """Return the logarithm of the sum of exp(logs) over all processes; -inf where all are."""
        high = logs.clone()
        dist.all_reduce(high, dist.ReduceOp.MAX, group=self.group)
        high.clamp_(min=torch.finfo(logs.dtype).min)
        return self.total((logs - high).exp_()).log_().add_(high)


class GatherRows(torch.autograd.Function):
    """(B, D) of every process -> (processes · B, D), the same everywhere; its gradient must be, too."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Any, factor: float) -> Tensor:
        """Gather; in backward, each process takes its own rows of the gradient times `factor`."""
        ctx.size, ctx.rank, ctx.factor = len(rows), dist.get_rank(group), factor
        return gather_rows(rows, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return this process' rows."""
        start = ctx.rank * ctx.size
        return grad[start : start + ctx.size] * ctx.factor, None, None


def gather_rows(rows: Tensor, group: Any = None) -> Tensor:
    """Return the rows of all processes, in the order of their ranks; all must have equally many."""
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, rows.contiguous(), group=group)
    return torch.cat(parts)
