"""Circle loss against class proxies: every similarity is weighted by how far it is from its optimum."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError


def circle_terms(similarities: Tensor, labels: Tensor, margin: float = 0.25, scale: float = 64.0) -> Tensor:
    """Compute every sample's circle loss from its similarities to all classes.

    With s_p the similarity to the own class and s_j those to the others,
    `log(1 + sum_j exp(scale * (a_j * (s_j - margin) - a_p * (s_p - 1 + margin))))`, where
    `a_p = max(0, 1 + margin - s_p)` and `a_j = max(0, s_j + margin)` are held constant in the gradient.

    Args:
        similarities: (B, C) float, cosines.
        labels: (B,) int64, the own class of each sample.
        margin: m; the own similarity should pass 1 - m, all others stay below m.
        scale: the inverse temperature γ.

    Returns:
        (B,) terms.

    Source: Sun et al., "Circle Loss", CVPR 2020, arXiv 2002.10857, equations 4 to 8 with class labels.
    """
    own = similarities.gather(1, labels[:, None])
    pull = (1 + margin - own).clamp(min=0).detach()
    push = (similarities + margin).clamp(min=0).detach()
    negative = (scale * push * (similarities - margin)).scatter(1, labels[:, None], -torch.inf)
    logit = negative.logsumexp(1) - (scale * pull * (own - 1 + margin))[:, 0]
    return logit.logaddexp(logit.new_zeros(()))


class CircleProxyLoss(nn.Module):
    """`circle_terms` against one proxy a class, mean over the batch. For one scale: use it in `MultiScale`.

    Args:
        num_classes: C.
        dim: D, the length of the embeddings.
        margin: m, in units of cosine similarity.
        scale: the inverse temperature γ.

    Attributes:
        proxies: Parameter (C, D); rows need not be of unit length.

    Raises:
        InputError: a scale that is not positive, a margin that is not finite.

    Source: Sun et al., "Circle Loss", CVPR 2020, arXiv 2002.10857.
    """

    def __init__(self, num_classes: int, dim: int, margin: float = 0.25, scale: float = 64.0) -> None:
        super().__init__()
        if not (scale > 0 and math.isfinite(scale) and math.isfinite(margin)):
            raise InputError(f"scale must be a positive number and margin a number; got {scale}, {margin}")
        self.margin, self.scale = margin, scale
        self.proxies = nn.Parameter(torch.randn(num_classes, dim) * dim**-0.5)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: embeddings (B, D) unit rows, class ids (B,) int64."""
        similarities = embeddings @ normalize(self.proxies, dim=1).to(embeddings.dtype).T
        return circle_terms(similarities, labels, self.margin, self.scale).mean()

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        classes, dim = self.proxies.shape
        return f"classes={classes}, dim={dim}, margin={self.margin}, scale={self.scale}"
