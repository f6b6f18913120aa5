"""The multi-scale baseline: one single-scale loss at each scale on the same embedding, averaged."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dyml.errors import InputError
from dyml.imports import check_arguments, import_name
from dyml.losses.checks import check_batch, checked_weights
from dyml.losses.pml import is_metric_learning, metric_learning
from dyml.losses.single_scale import cosface
from dyml.taxonomy import Taxonomy


class MultiScale(nn.Module):
    """Apply a single-scale loss at every scale and average them.

    `L = sum_m weights[m] * loss_m(x, y_m) / sum_m weights[m]`, where y_m are the classes at scale m.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        loss: makes the loss of one scale: `loss(num_classes, dim, **args)` gives a module that is called with
            embeddings (B, D) and class ids (B,) int64, 0 … num_classes - 1. It is called once a scale. In
            configurations, its import path, such as "dyml.losses.cosface". A class of
            pytorch-metric-learning is taken, too, and given of the two what it asks for.
        args: further keyword arguments of `loss`: one mapping for every scale, or a list with one a scale,
            fine to coarse. For a class of pytorch-metric-learning they may hold a `miner`; miner, `reducer`
            and the like may be mappings with a `type`.
        weights: one weight a scale, fine to coarse. A scale of weight 0 is left out, so that (1, 0, 0) is the
            loss at the finest scale alone. By default all 1.
        parts: False: every scale sees the whole batch. True: the batch is L equal parts, as
            `dyml.data.samplers.ThreePartSampler` makes it, and scale m sees part m.

    Attributes:
        losses: one module for each scale that is used, fine to coarse.

    Raises:
        InputError: weights or args that do not fit the taxonomy; a `loss` that cannot be called.
        ConfigError: `loss` cannot be imported or has no such argument.

    Source: the baseline of Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.

    >>> taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("fine", "coarse"))
    >>> loss = MultiScale(taxonomy, dim=8, loss=cosface, args={"margin": 0.2})
    >>> x = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    >>> loss(x, torch.tensor([[0, 0], [1, 0], [2, 1], [2, 1]])).shape
    torch.Size([])
    """

    lineage: Tensor
    codes: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        loss: Callable[..., nn.Module] | str = cosface,
        args: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        weights: Sequence[float] | None = None,
        parts: bool = False,
    ) -> None:
        super().__init__()
        of_scale = _args_of_scales(args, taxonomy.scales)
        makers = [_checked_maker(loss, of_one) for of_one in of_scale]
        self.weights = checked_weights(weights, taxonomy.scales)
        self.dim = dim
        self.parts = parts
        self.losses = nn.ModuleList(
            makers[m](taxonomy.num_classes[m], dim, **of_scale[m]) for m in self._used()
        )
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        self.register_buffer("codes", torch.from_numpy(taxonomy.codes.copy()), persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D) unit rows; half precision is computed in float32, also under autocast.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, a row is not in the taxonomy, or a batch in parts does
                not divide by L.
        """
        check_batch(embeddings, labels, self.lineage, self.dim)
        codes = self.codes[labels[:, 0]]
        parts = self._slices(len(labels))
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            total = x.new_zeros(())
            for m, loss in zip(self._used(), self.losses):
                total = total + self.weights[m] * loss(x[parts[m]], codes[parts[m], m])
        return total / sum(self.weights)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"weights={self.weights}, parts={self.parts}"

    def _used(self) -> list[int]:
        return [m for m, weight in enumerate(self.weights) if weight > 0]

    def _slices(self, batch: int) -> list[slice]:
        num_scales = len(self.weights)
        if not self.parts:
            return [slice(None)] * num_scales
        if batch % num_scales:
            raise InputError(
                f"a batch of {batch} does not divide into {num_scales} equal parts, one a scale: choose a "
                f"batch size that is a multiple of {num_scales}, or parts=False"
            )
        size = batch // num_scales
        return [slice(m * size, (m + 1) * size) for m in range(num_scales)]


def _args_of_scales(
    args: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None, scales: Sequence[str]
) -> list[dict[str, Any]]:
    if args is None or isinstance(args, Mapping):
        return [dict(args or {}) for _ in scales]
    if isinstance(args, str) or len(args) != len(scales) or not all(isinstance(one, Mapping) for one in args):
        raise InputError(
            f"args must be one mapping, or a list of {len(scales)}, one for each of the scales "
            f"{', '.join(scales)}; got {args!r}"
        )
    return [dict(one) for one in args]


def _checked_maker(loss: Callable[..., nn.Module] | str, args: Mapping[str, Any]) -> Callable[..., nn.Module]:
    maker = import_name(loss) if isinstance(loss, str) else loss
    if not callable(maker):
        raise InputError(f"loss must be callable as loss(num_classes, dim, **args); got {loss!r}")
    if is_metric_learning(maker):
        return _metric_learning_maker(maker)
    filled = list(inspect.signature(maker).parameters)[:2]
    check_arguments(maker, args, filled, "the args of MultiScale's loss")
    return maker


def _metric_learning_maker(loss: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    def make(num_classes: int, dim: int, miner: Any = None, **args: Any) -> nn.Module:
        return metric_learning(num_classes, dim, loss, args, miner)

    return make
