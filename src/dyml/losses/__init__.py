"""Losses over several scales, all with one signature: `loss(embeddings (B, D), labels (B, L)) -> scalar`."""

from dyml.losses.average_precision import AveragePrecisionLoss, smooth_ap, sup_ap
from dyml.losses.circle_proxies import CircleProxyLoss, circle_terms
from dyml.losses.cross_scale import CrossScaleLoss, cross_scale_loss, cross_scale_terms
from dyml.losses.cross_scale_reference import cross_scale_terms_reference
from dyml.losses.hierarchical_ap import HierarchicalAPLoss, hierarchical_ap
from dyml.losses.multi_scale import MultiScale
from dyml.losses.pml import metric_learning
from dyml.losses.roadmap import RoadmapLoss, roadmap
from dyml.losses.sampled import SampledCrossScaleLoss
from dyml.losses.scale_aggregation import ScaleAggregationLoss
from dyml.losses.scale_contrast import ScaleContrastLoss, scale_contrast_terms
from dyml.losses.sharded import ShardedCrossScaleLoss
from dyml.losses.single_scale import arcface, circle, cosface, proxy_anchor, soft_triple, softmax
from dyml.losses.single_scale_pairs import circle_pairs, contrastive, multi_similarity, n_pair, triplet
from dyml.losses.sum_loss import SumLoss
from dyml.losses.tied_proxies import TiedProxyLoss, tied_proxy_terms

__all__ = [
    "AveragePrecisionLoss",
    "CircleProxyLoss",
    "CrossScaleLoss",
    "HierarchicalAPLoss",
    "MultiScale",
    "RoadmapLoss",
    "SampledCrossScaleLoss",
    "ScaleAggregationLoss",
    "ScaleContrastLoss",
    "ShardedCrossScaleLoss",
    "SumLoss",
    "TiedProxyLoss",
    "arcface",
    "circle",
    "circle_pairs",
    "circle_terms",
    "contrastive",
    "cosface",
    "cross_scale_loss",
    "cross_scale_terms",
    "cross_scale_terms_reference",
    "hierarchical_ap",
    "metric_learning",
    "multi_similarity",
    "n_pair",
    "proxy_anchor",
    "roadmap",
    "scale_contrast_terms",
    "smooth_ap",
    "soft_triple",
    "softmax",
    "sup_ap",
    "tied_proxy_terms",
    "triplet",
]
