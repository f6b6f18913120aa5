"""Losses over several scales, all with one signature: `loss(embeddings (B, D), labels (B, L)) -> scalar`."""

from dyml.losses.cross_scale import CrossScaleLoss, cross_scale_loss, cross_scale_terms
from dyml.losses.cross_scale_reference import cross_scale_terms_reference
from dyml.losses.multi_scale import MultiScale
from dyml.losses.single_scale import cosface

__all__ = [
    "CrossScaleLoss",
    "MultiScale",
    "cosface",
    "cross_scale_loss",
    "cross_scale_terms",
    "cross_scale_terms_reference",
]
