"""The check at the border of every loss."""

import torch
from torch import Tensor

from dyml.errors import InputError


def check_batch(embeddings: Tensor, labels: Tensor, lineage: Tensor, dim: int) -> None:
    """Raise InputError unless a batch fits the taxonomy and the embedding length.

    Args:
        embeddings: should be (B, dim) floating, B ≥ 1.
        labels: should be (B, L) int64, each row `lineage[row[0]]`. The rows' content is checked on the CPU
            alone: elsewhere it would stop the device at every step.
        lineage: (F, L) int64.
        dim: D.
    """
    num_scales = lineage.shape[1]
    if embeddings.ndim != 2 or embeddings.shape[1] != dim or not embeddings.is_floating_point():
        raise InputError(
            f"embeddings must be (B, {dim}) floating point; got {tuple(embeddings.shape)} {embeddings.dtype}"
        )
    if labels.dtype != torch.int64 or labels.shape != (len(embeddings), num_scales):
        raise InputError(
            f"labels must be ({len(embeddings)}, {num_scales}) int64, one column a scale, fine to coarse; "
            f"got {tuple(labels.shape)} {labels.dtype}"
        )
    if len(labels) == 0:
        raise InputError("the batch is empty")
    if labels.device.type != "cpu":
        return
    own = labels[:, 0]
    outside = (own < 0) | (own >= len(lineage))
    wrong = outside | (lineage[own.masked_fill(outside, 0)] != labels).any(1)
    if wrong.any():
        row = int(wrong.nonzero()[0])
        raise InputError(
            f"labels row {row} is {labels[row].tolist()}, which is not a row of the taxonomy's lineage "
            f"(fine classes 0 … {len(lineage) - 1}): were the labels made with another taxonomy?"
        )
