"""ArcFace with finite gradients everywhere; imported only where it is used, since its base is heavy."""

import torch
from pytorch_metric_learning.losses import ArcFaceLoss
from torch import Tensor


class SmoothArcFaceLoss(ArcFaceLoss):
    """pytorch-metric-learning's ArcFace, finite where a sample lies on its proxy or opposite to it.

    There the arc cosine has an infinite slope; the cosine is kept one rounding step away.
    """

    def get_angles(self, cosine_of_target_classes: Tensor) -> Tensor:
        """Return the angles (B,), in radians, to the own classes."""
        limit = 1 - torch.finfo(cosine_of_target_classes.dtype).eps
        return super().get_angles(cosine_of_target_classes.clamp(-limit, limit))
