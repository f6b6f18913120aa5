"""Heads: from pooled features (B, features) to vectors (B, dim), which the embedder brings to unit length."""

from torch import Tensor, nn
from torch.nn.functional import layer_norm, normalize

from dyml.errors import ConfigError, suggest

HEADS = ("linear", "scales")


class ScaleHead(nn.Linear):
    """One part of the vector for each scale: projection, LayerNorm over the whole, each part of equal length.

    `cat(normalize(part_m) for m in scales) / sqrt(scales)` with the parts of `layer_norm(projection(x))`,
    fine to coarse. The inner product of two such vectors is the mean of the cosines of their parts. The
    projection's weight and bias are the head's own, as those of a plain `nn.Linear`.

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
        if scales < 1 or dim < scales or dim % scales:
            raise ConfigError(f"dim must be a multiple of the number of scales, {scales}; got {dim}")
        super().__init__(features, dim)
        self.scales = scales

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, dim) float32 unit rows, also under autocast, from features (B, features)."""
        whole = layer_norm(super().forward(features).float(), (self.out_features,))
        parts = normalize(whole.unflatten(1, (self.scales, -1)), dim=2)
        return (parts / self.scales**0.5).flatten(1)


def make_head(name: str, features: int, dim: int, scales: int | None = None) -> nn.Linear:
    """Return the head of that name: `linear`, or `scales`, which is `ScaleHead`.

    Args:
        name: of the head.
        features: the length of the pooled features.
        dim: D, the length of the vectors.
        scales: L, the number of scales; for the head `scales` alone.

    Raises:
        ConfigError: there is no such head, or `scales` is missing, not wanted or does not divide `dim`.
    """
    if name not in HEADS:
        raise ConfigError(f"no head {name!r}; there are {', '.join(HEADS)}.{suggest(name, HEADS)}")
    if name == "linear" and scales is not None:
        raise ConfigError(f"the head linear has no parts: leave scales={scales} out, or take head='scales'")
    if name == "linear":
        return nn.Linear(features, dim)
    if scales is None:
        raise ConfigError("the head scales needs the number of scales: scales=3, for example")
    return ScaleHead(features, dim, scales)
