"""Single-scale losses for `MultiScale`: each a maker `(num_classes, dim, **settings) -> module`.

A module made here is called with embeddings (B, D) and the class ids (B,) of one scale.
"""

from torch import nn


def cosface(num_classes: int, dim: int, margin: float = 0.35, scale: float = 64.0) -> nn.Module:
    """Make CosFace, a softmax over class proxies with an additive cosine margin on the own class.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        margin: taken from the own class' cosine similarity.
        scale: the inverse temperature.

    Source: Wang et al., "CosFace", CVPR 2018; the implementation is pytorch-metric-learning's.
    """
    from pytorch_metric_learning.losses import CosFaceLoss

    return CosFaceLoss(num_classes=num_classes, embedding_size=dim, margin=margin, scale=scale)
