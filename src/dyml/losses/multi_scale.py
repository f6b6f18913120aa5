"""The multi-scale baseline: one single-scale loss at each scale on the same embedding, averaged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dyml.errors import InputError
from dyml.losses.checks import check_batch
from dyml.losses.single_scale import cosface
from dyml.taxonomy import Taxonomy


class MultiScale(nn.Module):
    """Apply a single-scale loss at every scale and average: `sum_m weights[m] * loss_m(x, y_m) / sum(weights)`.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        loss: makes the loss of one scale from its number of classes and `dim`; called once a scale.
        args: further keyword arguments of `loss`.
        weights: one weight a scale, fine to coarse; a scale of weight 0 is left out (so (1, 0, 0) is the loss at
            the finest scale alone). By default all 1.
        parts: False: every scale sees the whole batch. True: the batch is L equal parts, as
            `dyml.data.samplers.ThreePartSampler` makes it, and scale m sees part m.

    Attributes:
        losses: one module a scale; None where the weight is 0.

    Source: the baseline of Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """

    lineage: Tensor
    codes: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        loss: Callable[..., nn.Module] = cosface,
        args: Mapping[str, Any] | None = None,
        weights: Sequence[float] | None = None,
        parts: bool = False,
    ) -> None:
        super().__init__()
        weights = (1.0,) * taxonomy.num_scales if weights is None else tuple(float(w) for w in weights)
        if len(weights) != taxonomy.num_scales or min(weights) < 0 or sum(weights) == 0:
            raise InputError(
                f"weights must be {taxonomy.num_scales} numbers, fine to coarse, none negative and not all 0; "
                f"got {list(weights)}"
            )
        self.dim = dim
        self.weights = weights
        self.parts = parts
        self.losses = nn.ModuleDict(
            {
                scale: loss(classes, dim, **dict(args or {}))
                for scale, classes, weight in zip(taxonomy.scales, taxonomy.num_classes, weights)
                if weight > 0
            }
        )
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        self.register_buffer("codes", torch.from_numpy(taxonomy.codes.copy()), persistent=False)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D) unit rows.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, a row is not in the taxonomy, or a batch in parts does not
                divide by L.
        """
        check_batch(embeddings, labels, self.lineage, self.dim)
        codes = self.codes[labels[:, 0]]
        total = embeddings.new_zeros(())
        for m, part in enumerate(self._parts(len(labels))):
            if self.weights[m] > 0:
                total = total + self.weights[m] * self.losses[m](embeddings[part], codes[part, m])
        return total / sum(self.weights)

    def _parts(self, batch: int) -> list[slice]:
        num_scales = len(self.weights)
        if not self.parts:
            return [slice(None)] * num_scales
        if batch % num_scales:
            raise InputError(f"a batch of {batch} does not divide into {num_scales} equal parts, one a scale")
        size = batch // num_scales
        return [slice(m * size, (m + 1) * size) for m in range(num_scales)]
