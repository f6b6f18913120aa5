"""Losses over several scales, all with one signature: `loss(embeddings (B, D), labels (B, L)) -> scalar`."""

from dyml.losses.circle_proxies import CircleProxyLoss, circle_terms
from dyml.losses.cross_scale import CrossScaleLoss, cross_scale_loss, cross_scale_terms
from dyml.losses.cross_scale_reference import cross_scale_terms_reference
from dyml.losses.multi_scale import MultiScale
from dyml.losses.pml import metric_learning
from dyml.losses.single_scale import arcface, circle, cosface, proxy_anchor, soft_triple, softmax
from dyml.losses.single_scale_pairs import circle_pairs, contrastive, multi_similarity, n_pair, triplet

__all__ = [
    "CircleProxyLoss",
    "CrossScaleLoss",
    "MultiScale",
    "arcface",
    "circle",
    "circle_pairs",
    "circle_terms",
    "contrastive",
    "cosface",
    "cross_scale_loss",
    "cross_scale_terms",
    "cross_scale_terms_reference",
    "metric_learning",
    "multi_similarity",
    "n_pair",
    "proxy_anchor",
    "soft_triple",
    "softmax",
    "triplet",
]
