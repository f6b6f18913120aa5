"""The readable engine: sort every query's gallery, lay out its relevance in that order, measure.

It runs on any device and is what the faster engine is tested against. Its cost is a full stable sort of a
(B, N) block and some ten arrays of that size.
"""

import torch
from torch import Tensor

from dyml.metrics import graded, single_scale

BYTES_PER_PAIR = 96  # The block's similarities, order, levels and float64 temporaries, at the worst moment.


def measure_by_sorting(
    similarity: Tensor,
    query_labels: Tensor,
    gallery_labels: Tensor,
    own: Tensor | None,
    ks: tuple[int, ...],
    alpha: float,
) -> tuple[Tensor, Tensor]:
    """Compute every measure of a block of queries.

    Equal similarities rank in gallery order.

    Args:
        similarity: (B, N) float, no NaN.
        query_labels: (B, L) integers, finest first, nested.
        gallery_labels: (N, L) integers.
        own: (B,) the gallery position of each query itself, which is left out of its list; or None.
        ks: the k of CMC@k.
        alpha: α of H-AP.

    Returns:
        (B, L, M) and (B, 3) float64, as in `Scores`.
    """
    levels = rank_levels(similarity, query_labels, gallery_labels, own)
    num_scales = query_labels.shape[1]
    columns = []
    for scale in range(num_scales):
        relevant = levels >= num_scales - scale
        values = (
            single_scale.average_precision(relevant),
            single_scale.average_set_intersection(relevant),
            *(single_scale.cumulative_match(relevant, k) for k in ks),
            single_scale.average_precision_at_r(relevant),
            single_scale.r_precision(relevant),
        )
        columns.append(torch.stack(values, dim=1))
    multi = (
        graded.hierarchical_average_precision(levels, num_scales, alpha),
        graded.normalised_discounted_gain(levels),
        graded.graded_set_intersection(levels, num_scales),
    )
    return torch.stack(columns, dim=1), torch.stack(multi, dim=1)


def rank_levels(
    similarity: Tensor, query_labels: Tensor, gallery_labels: Tensor, own: Tensor | None
) -> Tensor:
    """Return how many scales the item at each rank shares with its query: (B, N) int64.

    A query's own position, where given, comes last and shares nothing.

    Args:
        similarity: (B, N) float, no NaN.
        query_labels: (B, L) integers.
        gallery_labels: (N, L) integers.
        own: (B,) positions, or None.
    """
    levels = torch.zeros(similarity.shape, dtype=torch.int64, device=similarity.device)
    for scale in range(query_labels.shape[1]):
        levels += query_labels[:, scale, None] == gallery_labels[None, :, scale]
    # Adding 0 turns −0 into 0: a sort by bit patterns would tell them apart.
    keys = similarity + 0.0
    if own is not None:
        keys.scatter_(1, own[:, None], -torch.inf)
        levels.scatter_(1, own[:, None], 0)
    order = keys.sort(dim=1, descending=True, stable=True).indices
    return levels.gather(1, order)
