"""The banded pass of `dyml.losses._bands` as it is called: as written, and as one operation within a graph.

Under torch.compile its chunks would be unrolled: minutes to compile, and slower than as written. So there it
is one opaque operation with a backward of its own, and all around it is compiled as a whole.
"""

from typing import Any

import torch
from torch import Tensor

from dyml.losses import _bands
from dyml.losses._bands import CrossScaleTerms
from dyml.losses._shards import Shard


def fused_terms(
    embeddings: Tensor,
    proxies: Tensor,
    own: Tensor,
    parents: tuple[Tensor, ...],
    margins: tuple[float, ...],
    scale: float,
    recompute: bool | None,
    shard: Shard | None = None,
) -> Tensor:
    """Return the (L, B) terms; the arguments are those of `CrossScaleTerms`."""
    if torch.compiler.is_compiling() and shard is None:
        return _forward(embeddings, proxies, own, list(parents), list(margins), scale, recompute)[0]
    return _as_written(embeddings, proxies, own, parents, margins, scale, recompute, shard)


@torch.compiler.disable(reason="processes that exchange sums are not compiled")
def _as_written(*arguments: Any) -> Tensor:
    return CrossScaleTerms.apply(*arguments)


class _Kept:
    """Stands in for autograd's context: what forward leaves for backward."""

    def __init__(self, saved: tuple[Tensor | None, ...] = (), **attributes: Any) -> None:
        self.saved_tensors = saved
        vars(self).update(attributes)

    def save_for_backward(self, *saved: Tensor | None) -> None:
        self.saved_tensors = saved


@torch.library.custom_op("dyml::cross_scale_terms", mutates_args=())
def _forward(
    embeddings: Tensor,
    proxies: Tensor,
    own: Tensor,
    parents: list[Tensor],
    margins: list[float],
    scale: float,
    recompute: bool | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the terms, and what backward needs: all that `CrossScaleTerms` keeps but its inputs."""
    kept = _Kept()
    arguments = (embeddings, proxies, own, tuple(parents), tuple(margins), scale, recompute, None)
    terms = CrossScaleTerms.forward(kept, *arguments)
    inverse_norm, own_similarity, exps, high, log_sums, logits = kept.saved_tensors[3:]
    assert inverse_norm is not None and own_similarity is not None and high is not None  # noqa: PT018
    assert log_sums is not None and logits is not None  # noqa: PT018
    exps = high.new_empty(0, len(own)) if exps is None else exps
    return terms, inverse_norm, own_similarity, exps, high, log_sums, logits


@_forward.register_fake
def _(
    embeddings: Tensor,
    proxies: Tensor,
    own: Tensor,
    parents: list[Tensor],
    margins: list[float],
    scale: float,
    recompute: bool | None,
) -> tuple[Tensor, ...]:
    """Return empty tensors of the shapes and dtypes of `_forward`."""
    dtype = torch.promote_types(torch.promote_types(embeddings.dtype, proxies.dtype), torch.float32)
    fine, batch, scales = proxies.shape[0], own.shape[0], len(parents)
    if recompute is None:
        recompute = fine * batch > _bands.KEPT_NUMBERS
    above = parents[1].shape[0] if scales > 1 else 1
    shapes = [(scales, batch), (fine,), (batch,), (0 if recompute else fine, batch), (above, batch)]
    shapes += [(scales, batch), (scales, batch)]
    return tuple(embeddings.new_empty(shape, dtype=dtype) for shape in shapes)


@torch.library.custom_op("dyml::cross_scale_gradients", mutates_args=())
def _backward(
    grad: Tensor,
    embeddings: Tensor,
    proxies: Tensor,
    own: Tensor,
    kept: list[Tensor],
    parents: list[Tensor],
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Return the gradients in embeddings and proxies; `kept` are the outputs of `_forward` but the first."""
    inverse_norm, own_similarity, exps, *rest = kept
    table = exps if len(exps) == len(proxies) else None
    context = _Kept(
        (embeddings, proxies, own, inverse_norm, own_similarity, table, *rest),
        parents=tuple(parents),
        scale=scale,
        shard=None,
        parent=parents[0],
    )
    with torch.no_grad():
        grad_embeddings, grad_proxies, *_ = CrossScaleTerms.backward(context, grad)
    assert grad_embeddings is not None and grad_proxies is not None  # noqa: PT018
    return grad_embeddings, grad_proxies


@_backward.register_fake
def _(
    grad: Tensor,
    embeddings: Tensor,
    proxies: Tensor,
    own: Tensor,
    kept: list[Tensor],
    parents: list[Tensor],
    scale: float,
) -> tuple[Tensor, Tensor]:
    """Return empty tensors of the shapes and dtypes of `_backward`."""
    return torch.empty_like(embeddings), torch.empty_like(proxies)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    embeddings, proxies, own, parents, _, ctx.scale, _ = inputs
    ctx.scales = len(parents)
    ctx.save_for_backward(embeddings, proxies, own, *parents, *output[1:])


def _differentiate(ctx: Any, grad: Tensor, *_: Any) -> tuple[Any, ...]:
    embeddings, proxies, own, *rest = ctx.saved_tensors
    parents, kept = rest[: ctx.scales], rest[ctx.scales :]
    gradients = _backward(grad, embeddings, proxies, own, kept, parents, ctx.scale)
    return *gradients, None, [None] * ctx.scales, None, None, None


_forward.register_autograd(_differentiate, setup_context=_keep)
