"""The checks at the border of every loss: of its settings once, of every batch."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from dyml.errors import InputError


def checked_numbers(value: Sequence[float], name: str, scales: Sequence[str]) -> tuple[float, ...]:
    """Return a setting that has one finite number a scale.

    Args:
        value: L numbers, fine to coarse.
        name: what to call it in an error.
        scales: L names.

    Raises:
        InputError: not a list of L finite numbers.
    """
    try:
        numbers = tuple(float(number) for number in value)
    except (TypeError, ValueError):
        numbers = ()
    if isinstance(value, str) or len(numbers) != len(scales) or not all(map(math.isfinite, numbers)):
        raise InputError(
            f"{name} must be {len(scales)} numbers, one for each of the scales {', '.join(scales)}; "
            f"got {value!r}"
        )
    return numbers


def default_margins(first: float, num_scales: int) -> tuple[float, ...]:
    """Return margins that grow by 0.1 from scale to scale, fine to coarse.

    >>> default_margins(0.25, 4)
    (0.25, 0.35, 0.45, 0.55)
    """
    return tuple(round(first + 0.1 * m, 10) for m in range(num_scales))


def checked_margins(
    margins: Sequence[float] | None, first: float, scales: Sequence[str]
) -> tuple[float, ...]:
    """Return one margin a scale; by default those of `default_margins`.

    Args:
        margins: L numbers, fine to coarse, or None.
        first: the default at the finest scale.
        scales: L names.

    Raises:
        InputError: not L finite numbers.
    """
    if margins is None:
        margins = default_margins(first, len(scales))
    return checked_numbers(margins, "margins", scales)


def checked_weights(weights: Sequence[float] | None, scales: Sequence[str]) -> tuple[float, ...]:
    """Return one weight a scale; by default all 1.

    Args:
        weights: L numbers, fine to coarse, or None.
        scales: L names.

    Raises:
        InputError: not L finite numbers, one is negative, or all are 0.
    """
    numbers = checked_numbers([1.0] * len(scales) if weights is None else weights, "weights", scales)
    if min(numbers) < 0 or sum(numbers) == 0:
        raise InputError(f"weights must not be negative, nor all 0; got {list(numbers)}")
    return numbers


def check_dim(dim: int) -> None:
    """Refuse a length of the embeddings below 1.

    Raises:
        InputError: it is below 1.
    """
    if dim < 1:
        raise InputError(f"dim must be 1 or more; got {dim}")


def check_scale(scale: float) -> float:
    """Return an inverse temperature.

    Raises:
        InputError: it is not a positive, finite number.
    """
    if not (scale > 0 and math.isfinite(scale)):
        raise InputError(f"scale must be a positive number; got {scale}")
    return float(scale)


def check_batch(embeddings: Tensor, labels: Tensor, lineage: Tensor, dim: int) -> None:
    """Refuse a batch that does not fit the taxonomy and the embedding length.

    Args:
        embeddings: should be (B, dim) floating point, B ≥ 1.
        labels: should be (B, L) int64, each row `lineage[row[0]]`. The rows' content is checked on the CPU
            alone, and not under torch.compile: elsewhere it would stop the device at every step.
        lineage: (F, L) int64.
        dim: D.

    Raises:
        InputError: names what does not fit, and the first row that is not of this taxonomy.
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
    if not embeddings.device == labels.device == lineage.device:
        raise InputError(
            f"embeddings are on {embeddings.device}, labels on {labels.device} and the loss on "
            f"{lineage.device}: move all to one device"
        )
    if labels.device.type != "cpu" or torch.compiler.is_compiling():
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
