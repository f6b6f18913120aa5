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

Where even one table of F · B numbers is too much, forward keeps none: it takes the chunks one by one, with a
running maximum and sum for each class, and backward multiplies each chunk anew (four products, not three).

The gradient of a normalised proxy is taken through the norm: with g the gradient in w/|w|,
d/dw = (g - (g·w) w / |w|²) / |w|.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dyml.errors import InputError
from dyml.losses._shards import Shard

CHUNK_NUMBERS = 1 << 18  # similarities in a chunk on a CPU: 1 MiB of float32 stays in the cache
DEVICE_CHUNK_NUMBERS = 1 << 24  # elsewhere: few launches, and still small beside B · F
KEPT_NUMBERS = 1 << 28  # by default a larger table (1 GiB of float32) is not kept but computed again

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
    """(B, D) embeddings, (F, D) proxies, (B,) own fine classes -> (L, B) terms. See the module's text.

    With a shard, the proxies are one run of the F, and the sums are made whole over all processes.
    """

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        proxies: Tensor,
        own: Tensor,
        parents: tuple[Tensor, ...],
        margins: tuple[float, ...],
        scale: float,
        recompute: bool | None,
        shard: Shard | None,
    ) -> Tensor:
        """Compute the terms; keep exp(z) for backward, or what it takes to compute it again."""
        if recompute is None:
            recompute = len(proxies) * len(own) > KEPT_NUMBERS
        dtype = torch.promote_types(torch.promote_types(embeddings.dtype, proxies.dtype), torch.float32)
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(dtype)
            inverse_norm = _inverse_norm(proxies, dtype)
            own_w, row = _own_proxies(proxies, inverse_norm, own, shard)
            own_similarity = (x * own_w).sum(1)
            if shard is not None:
                own_similarity = shard.total(own_similarity)
            part, below = _Logits(x, proxies, row, inverse_norm, own_similarity, scale), parents
            if shard is not None:
                below = (parents[0][shard.start : shard.start + len(proxies)], *parents[1:])
            if recompute:
                exps, (high, class_sums) = None, _streamed_sums(part, below)
            else:
                exps = part.all()
                high, class_sums = _sum_within(exps, below, 0)  # leaves exp(z - high) in place of z
            if shard is not None:
                class_sums = shard.log_total(class_sums)
            log_sums = _negative_sums(class_sums, own, parents)
            logits = torch.stack([logs + scale * margin for logs, margin in zip(log_sums, margins)])
        ctx.save_for_backward(
            embeddings, proxies, own, inverse_norm, own_similarity, exps, high, log_sums, logits
        )
        ctx.parents, ctx.scale, ctx.shard, ctx.parent = parents, scale, shard, below[0]
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
        dtype = high.dtype
        pull = logits.sigmoid() * grad * ctx.scale
        factor = _class_factors(high, log_sums, pull, own, ctx.parents)
        x = embeddings.to(dtype)
        with torch.autocast(embeddings.device.type, enabled=False):
            grad_x = torch.zeros_like(x)
            grad_proxies = torch.empty(proxies.shape, dtype=dtype, device=x.device)
            own_w, row = _own_proxies(proxies, inverse_norm, own, ctx.shard)
            again = _Logits(x, proxies, row, inverse_norm, own_similarity, ctx.scale)
            for rows in _row_chunks(len(proxies), high):
                w, parent = proxies[rows].to(dtype), ctx.parent[rows]
                exp = exps[rows] if exps is not None else again(rows).sub_(high[parent]).exp_()
                weights = factor.index_select(0, parent).mul_(exp)
                weights.mul_(inverse_norm[rows, None])
                grad_x.addmm_(weights.T, w)
                part = torch.mm(weights, x, out=grad_proxies[rows])
                along = torch.linalg.vecdot(part, w) * inverse_norm[rows] ** 2
                part.addcmul_(w, along[:, None], value=-1)
            own_pull = pull.sum(0)[:, None]
            grad_x.addcmul_(own_w, own_pull, value=-1)
            tangent = torch.addcmul(x, own_w, own_similarity[:, None], value=-1)
            if ctx.shard is not None:
                grad_x = ctx.shard.total(grad_x)
                here = (row >= 0) & (row < len(proxies))
                tangent, row = tangent * here[:, None], row.clamp(0, len(proxies) - 1)
            grad_proxies.index_add_(0, row, tangent * own_pull * inverse_norm[row, None], alpha=-1)
        return grad_x.to(embeddings.dtype), grad_proxies.to(proxies.dtype), *[None] * 6


def _row_chunks(rows: int, like: Tensor) -> Iterator[slice]:
    """Yield slices of rows, each a chunk of a table with as many columns as `like`, on its device."""
    numbers = CHUNK_NUMBERS if like.device.type == "cpu" else DEVICE_CHUNK_NUMBERS
    step = max(64, numbers // max(1, like.shape[1]))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def _inverse_norm(proxies: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.linalg.vector_norm(proxies, dim=1, dtype=dtype).clamp_min_(1e-12).reciprocal_()


def _own_proxies(
    proxies: Tensor, inverse_norm: Tensor, own: Tensor, shard: Shard | None
) -> tuple[Tensor, Tensor]:
    """Return the unit proxies of the own classes (B, D), zeros for those held elsewhere, and their rows."""
    if shard is None:
        return proxies[own].to(inverse_norm.dtype) * inverse_norm[own, None], own
    row = own - shard.start
    place = row.clamp(0, len(proxies) - 1)
    own_w = proxies[place].to(inverse_norm.dtype) * inverse_norm[place, None]
    return own_w * (place == row)[:, None], row


class _Logits(NamedTuple):
    """Rows of z = scale * (s - s_p), (F, B), with -inf in place of each sample's own class."""

    x: Tensor
    proxies: Tensor
    own: Tensor
    inverse_norm: Tensor
    own_similarity: Tensor
    scale: float

    def __call__(self, rows: slice, out: Tensor | None = None) -> Tensor:
        part = torch.mm(self.proxies[rows].to(self.x.dtype), self.x.T, out=out)
        part.mul_(self.inverse_norm[rows, None]).sub_(self.own_similarity).mul_(self.scale)
        sample, last = torch.arange(len(self.own), device=part.device), rows.stop - rows.start - 1
        place = (self.own - rows.start).clamp(0, last)
        here = place == self.own - rows.start
        part[place, sample] = part[place, sample].masked_fill(here, -torch.inf)
        return part

    def all(self) -> Tensor:
        z = self.x.new_empty(len(self.proxies), len(self.x))
        for rows in _row_chunks(len(z), z):
            self(rows, out=z[rows])
        return z


def _streamed_sums(logits: _Logits, parents: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return what `_sum_within` does of all rows at scale 0, without ever holding them at once."""
    classes = len(parents[1]) if len(parents) > 1 else 1
    high = logits.x.new_full((classes, len(logits.x)), torch.finfo(logits.x.dtype).min)
    sums = torch.zeros_like(high)
    for rows in _row_chunks(len(logits.proxies), high):
        part, parent = logits(rows), parents[0][rows]
        met = parent.unique()
        before = high[met]
        high.index_reduce_(0, parent, part, "amax")
        sums[met] *= before.sub_(high[met]).exp_()
        sums.index_add_(0, parent, part.sub_(high.index_select(0, parent)).exp_())
    return high, sums.log_().add_(high)


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
    for rows in _row_chunks(len(logs), logs):
        high.index_reduce_(0, parent[rows], logs[rows], "amax")
    sums = torch.zeros_like(high)
    for rows in _row_chunks(len(logs), logs):
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
