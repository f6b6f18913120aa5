"""Retrieval measures at one scale, from the gallery of every query laid out in rank order.

Each function takes `relevant`, (B, N) bool: row q, column k is whether the item at rank k + 1 of query q is
of the query's class. With R the number of relevant items of a row, each returns (B,) float64, and NaN where R
is 0: such queries have no answer to find and are left out of every mean.

These are the readable definitions; `dyml.metrics.ranked` computes the same numbers from ranks alone.
"""

import torch
from torch import Tensor


def average_precision(relevant: Tensor) -> Tensor:
    """Average precision: the precision at the rank of each relevant item, averaged over all R of them.

        AP = (1/R) Σ_{relevant ranks r} (relevant items in the first r) / r

    Args:
        relevant: (B, N) bool, in rank order.

    Returns:
        (B,) float64; its mean over queries is mAP.

    >>> average_precision(torch.tensor([[True, False, True]])).tolist()
    [0.8333333333333333]
    """
    return (_precision(relevant) * relevant).sum(1) / _count(relevant)


def average_precision_at_r(relevant: Tensor) -> Tensor:
    """Average precision of the first R ranks alone, still divided by R (mAP@R).

    Args:
        relevant: (B, N) bool, in rank order.

    Returns:
        (B,) float64.

    Musgrave et al., "A Metric Learning Reality Check", ECCV 2020.
    """
    return (_precision(relevant) * (relevant & _within_r(relevant))).sum(1) / _count(relevant)


def r_precision(relevant: Tensor) -> Tensor:
    """The share of relevant items among the first R ranks.

    Args:
        relevant: (B, N) bool, in rank order.

    Returns:
        (B,) float64.
    """
    return (relevant & _within_r(relevant)).sum(1) / _count(relevant)


def average_set_intersection(relevant: Tensor) -> Tensor:
    """Average set intersection (ASI): the precision at every rank 1 … R, averaged.

        ASI = (1/R) Σ_{k=1..R} (relevant items in the first k) / k

    Args:
        relevant: (B, N) bool, in rank order.

    Returns:
        (B,) float64.

    Sun et al., "Dynamic Metric Learning", CVPR 2021.
    """
    return (_precision(relevant) * _within_r(relevant)).sum(1) / _count(relevant)


def cumulative_match(relevant: Tensor, k: int) -> Tensor:
    """CMC@k: 1 where a relevant item is among the first k (metric learning calls it Recall@k).

    Args:
        relevant: (B, N) bool, in rank order.
        k: 1 or more; may exceed N.

    Returns:
        (B,) float64 of 0, 1 and NaN.
    """
    found = relevant[:, :k].any(1).to(torch.float64)
    return found.masked_fill(~relevant.any(1), torch.nan)


def _count(relevant: Tensor) -> Tensor:
    """R as float64, so that a division by none gives NaN (0 / 0)."""
    return relevant.sum(1).to(torch.float64)


def _ranks(relevant: Tensor) -> Tensor:
    return torch.arange(1, relevant.shape[1] + 1, device=relevant.device)


def _precision(relevant: Tensor) -> Tensor:
    return relevant.cumsum(1).to(torch.float64) / _ranks(relevant)


def _within_r(relevant: Tensor) -> Tensor:
    return _ranks(relevant) <= relevant.sum(1, keepdim=True)
