"""Heads: from pooled features (B, features) to unit vectors (B, dim)."""

from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import ConfigError


class ScaleHead(nn.Module):
    """One part of the vector for each scale: projection, LayerNorm over the whole, each part of equal length.

    `cat(normalize(part_m) for m in scales) / sqrt(scales)` with the parts of `layer_norm(projection(x))`,
    fine to coarse. The inner product of two such vectors is the mean of the cosines of their parts.

    Args:
        features: the length of the pooled features.
        dim: D, the length of the vectors; a multiple of `scales`.
        scales: L, the number of parts.

    Raises:
        ConfigError: dim is not a multiple of the number of scales.

    Source: Zhang et al., "Multi-Scale Similarity Aggregation for Dynamic Metric Learning", ACM MM 2023.

    >>> import torch
    >>> head = ScaleHead(features=20, dim=12, scales=3)
    >>> vectors = head(torch.randn(2, 20))
    >>> vectors.shape, bool(torch.allclose(vectors.norm(dim=1), torch.ones(2)))
    (torch.Size([2, 12]), True)
    """

    def __init__(self, features: int, dim: int, scales: int) -> None:
        super().__init__()
        if scales < 1 or dim < scales or dim % scales:
            raise ConfigError(f"dim must be a multiple of the number of scales, {scales}; got {dim}")
        self.scales = scales
        self.projection = nn.Linear(features, dim)
        self.layer_norm = nn.LayerNorm(dim, elementwise_affine=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, dim) float32 unit rows, also under autocast, from features (B, features)."""
        whole = self.layer_norm(self.projection(features).float())
        parts = normalize(whole.view(len(whole), self.scales, -1), dim=2)
        return (parts / self.scales**0.5).flatten(1)
