"""How proxies begin in the study: in random directions, about 1 long, whoever makes them."""

import torch
from torch import Tensor


class UnitStart:
    """Draws weights from a normal distribution, so that vectors of `dim` numbers are about 1 long.

    Losses bring their proxies to unit length, so the length at the start only says how fast a rate turns
    them. pytorch-metric-learning begins them in several ways, some of which hang on the number of classes;
    given this as `weight_init_func`, its losses begin as those of dyml do.

    Args:
        dim: D, the length of the embeddings.

    >>> weights = torch.empty(128, 1000)
    >>> UnitStart(128)(weights)
    >>> bool((weights.norm(dim=0).mean() - 1).abs() < 0.01)
    True
    """

    def __init__(self, dim: int) -> None:
        self.std = dim**-0.5

    def __call__(self, weights: Tensor) -> None:
        """Draw the weights anew, in place."""
        torch.nn.init.normal_(weights, std=self.std)
