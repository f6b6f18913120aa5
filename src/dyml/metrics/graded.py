"""Retrieval measures over all scales at once, from the gallery of every query laid out in rank order.

Each function takes `levels`, (B, N) integers: row q, column k is the number of scales (0 … L) that the item
at rank k + 1 shares with query q. An item is related when it shares one or more. Each returns (B,) float64,
and NaN where nothing is related.

These are the readable definitions; `dyml.metrics.ranked` computes the same numbers from ranks alone.
"""

import torch
from torch import Tensor


def hierarchical_average_precision(levels: Tensor, num_scales: int, alpha: float = 1.0) -> Tensor:
    """H-AP: average precision in which an item counts by how many scales it shares.

        rel(l)    = (l / L)^α / (number of items that share exactly l scales)
        H-rank(k) = rel(k) + Σ_{j before k} min(rel(j), rel(k))
        H-AP      = Σ_k H-rank(k) / rank(k)  /  Σ_k rel(k)          over the related items

    With one scale it is average precision.

    Args:
        levels: (B, N) integers 0 … L, in rank order.
        num_scales: L.
        alpha: α ≥ 0; larger values stress the finest scale.

    Returns:
        (B,) float64.

    Ramzi et al., "Hierarchical Average Precision Training for Pertinent Image Retrieval", ECCV 2022.
    """
    weight = torch.zeros(levels.shape[0], num_scales + 1, dtype=torch.float64, device=levels.device)
    for level in range(1, num_scales + 1):
        count = (levels == level).sum(1).to(torch.float64)
        weight[:, level] = (level / num_scales) ** alpha / count.clamp(min=1)
    relevance = weight.gather(1, levels)
    h_rank = torch.zeros_like(relevance)
    for level in range(1, num_scales + 1):
        is_level = levels == level
        # The item itself is among the first k: min(rel, rel) is the term that stands before the sum.
        h_rank += is_level.cumsum(1) * torch.minimum(weight[:, level, None], relevance)
    rank = torch.arange(1, levels.shape[1] + 1, device=levels.device)
    return (h_rank / rank).sum(1) / relevance.sum(1)


def normalised_discounted_gain(levels: Tensor, k: int | None = None, linear: bool = False) -> Tensor:
    """NDCG over the first k of the list, with gain 2^level − 1 and discount log2(1 + rank).

    Args:
        levels: (B, N) integers 0 … L, in rank order.
        k: None for the whole list.
        linear: the gain is the level itself.

    Returns:
        (B,) float64.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
    """
    rank = torch.arange(1, levels.shape[1] + 1, device=levels.device, dtype=torch.float64)
    discount = 1 / torch.log2(1 + rank)
    if k is not None:
        discount[k:] = 0
    gain = levels.to(torch.float64) if linear else torch.exp2(levels.to(torch.float64)) - 1
    ideal = gain.sort(1, descending=True).values
    return (gain * discount).sum(1) / (ideal * discount).sum(1)


def graded_set_intersection(levels: Tensor, num_scales: int) -> Tensor:
    """Graded ASI: how much of the ideal list's first k is in the first k, level by level.

        SI(k) = Σ_{l=1..L} min(items of level l in the first k, in the ideal list's first k) / k
        ASI   = mean of SI(k) over k = 1 … (number of related items)

    The ideal list is ordered by level. With one scale it is the plain ASI.

    Args:
        levels: (B, N) integers 0 … L, in rank order.
        num_scales: L.

    Returns:
        (B,) float64.

    Sun et al., "Dynamic Metric Learning", CVPR 2021.
    """
    ideal = levels.sort(1, descending=True).values
    rank = torch.arange(1, levels.shape[1] + 1, device=levels.device)
    common = torch.zeros(levels.shape, dtype=torch.int64, device=levels.device)
    for level in range(1, num_scales + 1):
        common += torch.minimum((levels == level).cumsum(1), (ideal == level).cumsum(1))
    related = (levels > 0).sum(1, keepdim=True)
    return (common / rank.to(torch.float64) * (rank <= related)).sum(1) / related[:, 0].to(torch.float64)
