"""Average precision at one scale as a loss, for `MultiScale`: the one-scale case of `hierarchical_ap`."""

from typing import Literal

import torch
from torch import Tensor, nn

from dyml.losses.hierarchical_ap import checked_steps, hierarchical_ap, mean_loss


def smooth_ap(num_classes: int, dim: int, tau: float = 0.01) -> nn.Module:
    """Make Smooth-AP: one minus average precision with every step replaced by a sigmoid.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        tau: the temperature of the sigmoid, in units of cosine similarity.

    Source: Brown et al., "Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval", ECCV 2020.
    """
    return AveragePrecisionLoss("sigmoid", tau)


def sup_ap(
    num_classes: int,
    dim: int,
    tau: float = 0.01,
    delta: float = 0.05,
    rho: float = 100.0,
    offset: float | None = None,
) -> nn.Module:
    """Make SupAP, the ranking part of ROADMAP: an upper bound of one minus average precision.

    `dyml.losses.roadmap` is the whole, with its calibration.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        tau: see `dyml.losses.hierarchical_ap`.
        delta: see `dyml.losses.hierarchical_ap`.
        rho: see `dyml.losses.hierarchical_ap`.
        offset: see `dyml.losses.hierarchical_ap`.

    Source: Ramzi et al., "Robust and Decomposable Average Precision for Image Retrieval", NeurIPS 2021.
    """
    return AveragePrecisionLoss("bound", tau, delta, rho, offset)


class AveragePrecisionLoss(nn.Module):
    """One minus the smooth average precision, mean over the pictures with another one of their class.

    Args: those of `dyml.losses.hierarchical_ap`.

    Raises:
        InputError: a setting is out of range.
    """

    def __init__(
        self,
        surrogate: Literal["bound", "sigmoid"] = "bound",
        tau: float = 0.01,
        delta: float = 0.05,
        rho: float = 100.0,
        offset: float | None = None,
    ) -> None:
        super().__init__()
        checked_steps(surrogate, tau, delta, rho, offset)
        self.surrogate: Literal["bound", "sigmoid"] = surrogate
        self.tau, self.delta, self.rho, self.offset = tau, delta, rho, offset

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: embeddings (B, D) unit rows, class ids (B,) int64."""
        levels = (labels[:, None] == labels).to(torch.int64).fill_diagonal_(-1)
        similarities = embeddings @ embeddings.T
        value = hierarchical_ap(
            similarities, levels, 1, 1.0, self.tau, self.delta, self.rho, self.offset, self.surrogate
        )
        return mean_loss(value, levels)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return (
            f"surrogate={self.surrogate!r}, tau={self.tau}, delta={self.delta}, rho={self.rho}, "
            f"offset={self.offset}"
        )
