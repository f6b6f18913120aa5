"""Measures beyond the usual table, chosen by name: of one scale, and over all scales.

Each has a definition over the gallery laid out in rank order here, and the same from ranks alone in
`dyml.metrics.chosen_ranked`.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dyml.errors import InputError, suggest

PRECISION, SHARE_FOUND, AVERAGE_PRECISION, RECIPROCAL = range(4)
GAIN, FIRST_HEIGHT, ERROR_HEIGHT = range(4, 7)
KINDS = {
    "precision@": PRECISION,
    "share-found@": SHARE_FOUND,
    "mAP@": AVERAGE_PRECISION,
    "MRR": RECIPROCAL,
    "NDCG@": GAIN,
    "LCA-first": FIRST_HEIGHT,
    "LCA-errors": ERROR_HEIGHT,
}
EXAMPLES = tuple(name + "10" * name.endswith("@") for name in KINDS)
GAINS = ("exponential", "linear")
HEIGHTS = ("LCA-first", "LCA-errors")


class Chosen(NamedTuple):
    """One measure: its name, its kind (a value of `KINDS`), its k (0 where it has none)."""

    name: str
    kind: int
    k: int

    @property
    def is_multi(self) -> bool:
        """Whether it is over all scales."""
        return self.kind >= GAIN


def checked_measures(names: Sequence[str]) -> tuple[Chosen, ...]:
    """Return the measures of these names, each once.

    Raises:
        InputError: a name that is none of `EXAMPLES`, for whatever k.
    """
    if isinstance(names, str):
        raise InputError(f"measures must be a list of names, not the text {names!r}")
    chosen = []
    for name in dict.fromkeys(names):
        parts = re.fullmatch(r"(.*?@)([1-9]\d*)|(.*)", str(name))
        assert parts is not None  # One or the other fits any text.
        stem = parts[1] or parts[3]
        if stem not in KINDS or stem.endswith("@") != bool(parts[2]):
            raise InputError(
                f"no measure {name!r}.{suggest(str(name), EXAMPLES)} There are, besides the usual ones, "
                f"{', '.join(EXAMPLES)}, with any k from 1 up."
            )
        chosen.append(Chosen(str(name), KINDS[stem], int(parts[2] or 0)))
    return tuple(chosen)


def checked_gain(gain: str) -> bool:
    """Return whether the gain is linear, or refuse it."""
    if gain not in GAINS:
        raise InputError(f"gain must be one of {', '.join(GAINS)}; got {gain!r}.{suggest(gain, GAINS)}")
    return gain == "linear"


def of_one_scale(relevant: Tensor, measure: Chosen) -> Tensor:
    """Compute a measure of one scale.

        precision@k     (relevant items in the first k) / k
        share-found@k   (relevant items in the first k) / R
        mAP@k           Σ_{relevant ranks r ≤ k} (relevant items in the first r) / r  /  min(R, k)
        MRR             1 / (rank of the first relevant item)

    Args:
        relevant: (B, N) bool, in rank order.
        measure: which one.

    Returns:
        (B,) float64, NaN where nothing is relevant.
    """
    count, first = relevant.sum(1).to(torch.float64), relevant[:, : measure.k or None].to(torch.float64)
    ranks = torch.arange(1, relevant.shape[1] + 1, device=relevant.device, dtype=torch.float64)
    if measure.kind == PRECISION:
        values = first.sum(1) / measure.k
    elif measure.kind == SHARE_FOUND:
        values = first.sum(1) / count
    elif measure.kind == AVERAGE_PRECISION:
        precision = first.cumsum(1) / ranks[: first.shape[1]]
        values = (precision * first).sum(1) / count.clamp(max=measure.k)
    else:
        values = (relevant / ranks).amax(1)
    return values.masked_fill(count == 0, torch.nan)


def lowest_common_height(levels: Tensor, num_scales: int, errors: bool) -> Tensor:
    """Height of the lowest class that holds both a query and its first result: 0 the finest class, L none.

    Args:
        levels: (B, N) integers 0 … L, in rank order.
        num_scales: L.
        errors: only where the first result is of another finest class although the gallery has one of it.

    Returns:
        (B,) float64, NaN where nothing is related (with `errors`: where there was no such error).

    Bertinetto et al., "Making Better Mistakes", CVPR 2020.
    """
    height = (num_scales - levels[:, 0]).to(torch.float64)
    fits = (levels > 0).any(1)
    if errors:
        fits = (levels == num_scales).any(1) & (height > 0)
    return height.masked_fill(~fits, torch.nan)
