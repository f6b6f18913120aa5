"""The fast form of Cross-Scale Learning: one product, one exponential pass, sums folded up the tree.

For one sample, let z_j = γ (s_j - s_p) over all fine classes j, and blank the own class (z = -inf). The
negatives of the scales nest, N_0 ⊃ N_1 ⊃ …, and differ by disjoint bands: band m is the own class at scale
m + 1 without the own class at scale m. So:

1. sum exp(z) within every class of the next coarser scale. The sum in the own class there is band 0, since
   the own fine class was blanked; the other sums are whole classes.
2. take that entry out, blank it, and fold the sums up to the next scale: the own entry is now band 1. And so
   on, up to the root, where the last band is all that lies outside the own coarsest class: N_{L-1}.
3. N_m is N_{m+1} plus band m. Nothing is ever subtracted, so nothing cancels.

Sums are kept as logarithms with the maximum of their class taken out, so that they are finite for any γ.
Backward needs exp(z) alone: within one class of scale 1, all its gradient weights have one common factor.
Proxies are rows here, samples columns: (F, B) is the faster layout, and a proxy's norm scales a row. The rows
are worked on in chunks that stay in the cache; folding goes by class index, so their order does not matter.

The gradient of a normalised proxy is taken through the norm: with g the gradient in w/|w|,
d/dw = (g - (g·w) w / |w|²) / |w|.
"""

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from dyml.errors import InputError

CHUNK_NUMBERS = 1 << 18  # similarities in a chunk on a CPU: 1 MiB of float32 stays in the cache
DEVICE_CHUNK_NUMBERS = 1 << 24  # elsewhere: few launches, and still small beside B · F

with warnings.catch_warnings():  # torch warns once a process that index_reduce_ may change; once is now
    warnings.simplefilter("ignore", UserWarning)
    torch.zeros(1).index_reduce_(0, torch.zeros(1, dtype=torch.int64), torch.zeros(1), "amax")


def class_parents(lineage: Tensor) -> tuple[Tensor, ...]:
    """Return, for every scale, the class of the next coarser scale that each of its classes lies in.

    Args:
        lineage: (F, L) integers, row f fine class f; the ids of the coarser scales may be any.

    Returns:
        L tensors int64: the m-th is (C_m,), over the classes of scale m in ascending order of their ids, and
        holds places among those of scale m + 1. The last is all zeros: above the coarsest scale is the root.
    """
    classes, child = len(lineage), torch.arange(len(lineage), device=lineage.device)
    parents = []
    for column in lineage.T[1:]:
        ids, above = torch.unique(column, return_inverse=True)
        parents.append(above.new_empty(classes).scatter_(0, child, above))
        classes, child = len(ids), above
    return (*parents, child.new_zeros(classes))


class CrossScaleTerms(torch.autograd.Function):
    """(B, D) embeddings, (F, D) proxies, (B,) own fine classes -> (L, B) terms. See the module's text."""

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        proxies: Tensor,
        own: Tensor,
        parents: tuple[Tensor, ...],
        margins: tuple[float, ...],
        scale: float,
    ) -> Tensor:
        """Compute the terms and keep exp(z) for backward."""
        dtype = torch.promote_types(torch.promote_types(embeddings.dtype, proxies.dtype), torch.float32)
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(dtype)
            inverse_norm = _inverse_norm(proxies, dtype)
            own_similarity = (x * proxies[own].to(dtype)).sum(1) * inverse_norm[own]
            z = _blanked_logits(x, proxies, own, inverse_norm, own_similarity, scale)
            high, class_sums = _sum_within(z, parents, 0)
            exps = z
            log_sums = _negative_sums(class_sums, own, parents)
            logits = torch.stack([row + scale * margin for row, margin in zip(log_sums, margins)])
        ctx.save_for_backward(
            embeddings, proxies, own, inverse_norm, own_similarity, exps, high, log_sums, logits
        )
        ctx.parents, ctx.scale = parents, scale
        return logits.logaddexp(logits.new_zeros(()))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Scale exp(z) by one factor a class and sample, then two products."""
        if torch.is_grad_enabled():  # create_graph=True; `once_differentiable` would let it pass in silence
            raise InputError(
                "the fast cross-scale loss has no gradients of gradients (create_graph=True): "
                "use dyml.losses.cross_scale_terms_reference for them"
            )
        embeddings, proxies, own, inverse_norm, own_similarity, exps, high, log_sums, logits = (
            ctx.saved_tensors
        )
        dtype = exps.dtype
        pull = logits.sigmoid() * grad * ctx.scale
        factor = _class_factors(high, log_sums, pull, own, ctx.parents)
        x = embeddings.to(dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            grad_x = torch.zeros_like(x)
            grad_proxies = torch.empty(proxies.shape, dtype=dtype, device=x.device)
            for rows in _row_chunks(exps):
                w = proxies[rows].to(dtype)
                weights = factor.index_select(0, ctx.parents[0][rows]).mul_(exps[rows])
                weights.mul_(inverse_norm[rows, None])
                grad_x.addmm_(weights.T, w)
                part = torch.mm(weights, x, out=grad_proxies[rows])
                along = torch.linalg.vecdot(part, w) * inverse_norm[rows] ** 2
                part.addcmul_(w, along[:, None], value=-1)
            own_w = proxies[own].to(dtype) * inverse_norm[own, None]
            own_pull = pull.sum(0)[:, None]
            grad_x.addcmul_(own_w, own_pull, value=-1)
            tangent = torch.addcmul(x, own_w, own_similarity[:, None], value=-1)
            grad_proxies.index_add_(0, own, tangent * own_pull * inverse_norm[own, None], alpha=-1)
        return grad_x.to(embeddings.dtype), grad_proxies.to(proxies.dtype), None, None, None, None


def _row_chunks(table: Tensor) -> Iterator[slice]:
    numbers = CHUNK_NUMBERS if table.device.type == "cpu" else DEVICE_CHUNK_NUMBERS
    step = max(64, numbers // max(1, table.shape[1]))
    for start in range(0, len(table), step):
        yield slice(start, start + step)


def _inverse_norm(proxies: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.linalg.vector_norm(proxies, dim=1, dtype=dtype).clamp_min_(1e-12).reciprocal_()


def _blanked_logits(
    x: Tensor, proxies: Tensor, own: Tensor, inverse_norm: Tensor, own_similarity: Tensor, scale: float
) -> Tensor:
    """Return z = scale * (s - s_p), (F, B), with -inf in place of each sample's own class."""
    z = x.new_empty(len(proxies), len(x))
    for rows in _row_chunks(z):
        part = torch.mm(proxies[rows].to(x.dtype), x.T, out=z[rows])
        part.mul_(inverse_norm[rows, None]).sub_(own_similarity).mul_(scale)
    z[own, torch.arange(len(own), device=own.device)] = -torch.inf
    return z


def _sum_within(logs: Tensor, parents: tuple[Tensor, ...], m: int) -> tuple[Tensor, Tensor]:
    """Sum exp(logs) within every class of scale m + 1.

    Args:
        logs: (C_m, B), a number for each class of scale m; becomes exp(logs - high[parent]) in place.
        parents: as of `class_parents`.
        m: the scale of `logs`.

    Returns:
        `high` (C_{m+1}, B), the maximum within every class (a finite floor where all are -inf), and the
        logarithm of every class' sum, (C_{m+1}, B).
    """
    parent = parents[m]
    classes = len(parents[m + 1]) if m + 1 < len(parents) else 1
    high = logs.new_full((classes, logs.shape[1]), torch.finfo(logs.dtype).min)
    for rows in _row_chunks(logs):
        high.index_reduce_(0, parent[rows], logs[rows], "amax")
    sums = torch.zeros_like(high)
    for rows in _row_chunks(logs):
        part = logs[rows].sub_(high.index_select(0, parent[rows])).exp_()
        sums.index_add_(0, parent[rows], part)
    return high, sums.log_().add_(high)


def _negative_sums(class_sums: Tensor, own: Tensor, parents: tuple[Tensor, ...]) -> Tensor:
    """Fold the sums up the tree; return the logarithm of sum_{j in N_m} exp(z_j) for every scale, (L, B).

    `class_sums` (C_1, B), logarithms of the sums in the classes of scale 1, is used up.
    """
    sample = torch.arange(len(own), device=own.device)
    bands = []
    for m, parent in enumerate(parents):
        own = parent[own]
        bands.append(class_sums[own, sample])
        if m + 1 < len(parents):
            class_sums[own, sample] = -torch.inf
            _, class_sums = _sum_within(class_sums, parents, m + 1)
    return torch.stack(bands).flip(0).logcumsumexp(0).flip(0)


def _class_factors(
    high: Tensor, log_sums: Tensor, pull: Tensor, own: Tensor, parents: tuple[Tensor, ...]
) -> Tensor:
    """Return by what exp(z - high) is multiplied in every class of scale 1, (C_1, B).

    Negative j lies in N_0 … N_k, where k counts the coarser scales at which its class is not the own one. Its
    weight is `sum_{m <= k} pull_m * exp(z_j) / sum_{N_m} exp(z)`. Where j lies in N_m no exponent is above
    zero; where it does not, what comes out, be it infinite, is blanked.
    """
    log_sums = log_sums.masked_fill(log_sums == -torch.inf, 0)  # no negatives, and there pull is 0
    factor = (high - log_sums[0]).exp_().mul_(pull[0])
    classes = torch.arange(len(high), device=high.device)
    for m in range(1, len(parents)):
        own = parents[m - 1][own]
        share = (high - log_sums[m]).exp_().mul_(pull[m])
        factor.add_(share.masked_fill_(classes[:, None] == own, 0))
        classes = parents[m][classes]
    return factor
