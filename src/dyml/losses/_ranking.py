"""A smooth stand-in for (hierarchical) average precision, streamed over pairs of a query and a related item.

Every pair needs the query's whole row of similarities: Q · N pairs of N numbers, O(B³) for a batch against
itself. So the pairs are taken some at a time, and the gradient of each piece is added to a table of the size
of the similarities at once; nothing else is kept for backward, which is one multiplication.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from dyml.errors import InputError

CHUNK_NUMBERS = 1 << 16  # numbers in a table of pairs on a CPU: its dozen tables of 256 KiB stay in the cache
DEVICE_CHUNK_NUMBERS = 1 << 24


@dataclass(frozen=True)
class Steps:
    """How the step function "item j ranks before item k" is made smooth; t is s_j - s_k.

    kind "bound": for j less relevant than k, an upper bound of the step that keeps a slope for errors:
    sigmoid(t / tau) where t <= 0, 1/2 + sigmoid(t / tau) up to delta, then rho * (t - delta) + offset; for
    all others the exact step, 1 where t >= 0. kind "sigmoid": sigmoid(t / tau) for every j.
    """

    kind: Literal["bound", "sigmoid"]
    tau: float
    delta: float
    rho: float
    offset: float

    def __call__(self, t: Tensor, less: Tensor) -> tuple[Tensor, Tensor]:
        """Return the steps that count in the rank and those that count in the H-rank, shaped as t.

        Args:
            t: (P, N) s_j - s_k.
            less: (P, N) bool, whether j is less relevant than k.
        """
        soft = (t / self.tau).sigmoid()
        if self.kind == "sigmoid":
            return soft, soft
        exact = (t >= 0).to(t.dtype)
        soft = torch.where(t > 0, soft + 0.5, soft)
        soft = torch.where(t > self.delta, self.rho * (t - self.delta) + self.offset, soft)
        return torch.where(less, soft, exact), exact


def precision_at_pairs(row: Tensor, place: Tensor, levels: Tensor, relevance: Tensor, steps: Steps) -> Tensor:
    """Compute H-rank(k) / rank(k) for pairs of a query and a related item k, differentiable in the row.

    Args:
        row: (P, N) similarities of the query to all items.
        place: (P,) int64, the column of k.
        levels: (P, N) integers, scales that an item shares with the query; -1: it is left out.
        relevance: (P, N) r_j, 0 where levels is not positive.
        steps: the step function.

    Returns:
        (P,).
    """
    at = place[:, None]
    level, weight = levels.gather(1, at), relevance.gather(1, at)
    counted = (levels >= 0).scatter(1, at, False)
    in_rank, in_h_rank = steps(row - row.gather(1, at), levels < level)
    rank = 1 + (in_rank * counted).sum(1)
    h_rank = weight[:, 0] + (in_h_rank * counted * torch.minimum(relevance, weight)).sum(1)
    return h_rank / rank


@torch.compiler.disable(reason="how many pairs there are is known only when it runs")
def smooth_precision(similarities: Tensor, levels: Tensor, relevance: Tensor, steps: Steps) -> Tensor:
    """Return the smooth H-AP of every query, (Q,), 0 where nothing is related.

    Args:
        similarities: (Q, N) float32 or float64.
        levels: (Q, N) integers, scales that an item shares with the query; -1: it is left out.
        relevance: (Q, N) r_j, 0 where levels is not positive.
        steps: the step function.
    """
    return SmoothPrecision.apply(similarities, levels, relevance, steps)


class SmoothPrecision(torch.autograd.Function):
    """(Q, N) similarities, levels and relevances -> (Q,) smooth H-AP, 0 where nothing is related."""

    @staticmethod
    def forward(ctx: Any, similarities: Tensor, levels: Tensor, relevance: Tensor, steps: Steps) -> Tensor:
        """Compute the values and, where asked for, the table of all gradients."""
        needed = ctx.needs_input_grad[0]
        table = torch.zeros_like(similarities) if needed else None
        value = similarities.new_zeros(len(similarities))
        total = relevance.sum(1)
        for query, place in _pairs(levels):
            with torch.set_grad_enabled(needed):
                row = similarities.detach()[query].requires_grad_(needed)
                precision = precision_at_pairs(row, place, levels[query], relevance[query], steps)
                share = precision / total[query]
            value.index_add_(0, query, share.detach())
            if table is not None:
                (grad,) = torch.autograd.grad(share, row, torch.ones_like(share))
                table.index_add_(0, query, grad)
        if table is not None:
            ctx.save_for_backward(table)
        return value

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the table that forward has left."""
        if torch.is_grad_enabled():
            raise InputError(
                "the smooth average precision has no gradients of gradients (create_graph=True): its memory "
                "would be cubic in the batch"
            )
        (table,) = ctx.saved_tensors
        return table * grad[:, None], None, None, None


def _pairs(levels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    pairs = (levels > 0).nonzero()
    numbers = CHUNK_NUMBERS if levels.device.type == "cpu" else DEVICE_CHUNK_NUMBERS
    for part in pairs.split(max(1, numbers // max(1, levels.shape[1]))):
        yield part[:, 0], part[:, 1]
