"""ROADMAP at one scale, for `MultiScale`: the smooth average precision, and similarities on common marks."""

import torch
from torch import Tensor, nn

from dyml.errors import InputError
from dyml.losses.average_precision import AveragePrecisionLoss


def calibration(
    similarities: Tensor, same: Tensor, alpha: float = 0.9, beta: float = 0.6, violating: bool = False
) -> Tensor:
    """Compute how far pairs of one class fall below α and pairs of two classes rise above β.

    `mean_{pairs of one class} max(0, α - s) + mean_{pairs of two} max(0, s - β)`. Average precision orders
    each query's own list; these marks are common to all queries, so that lists can be put together.

    Args:
        similarities: (B, B) float, cosines; the diagonal is left out.
        same: (B, B) bool, whether a pair is of one class.
        alpha: α, what the similarity of a pair of one class should reach.
        beta: β, what that of a pair of two classes should stay below.
        violating: take each mean over the pairs that add to it alone, as the authors' program does. Then the
            few hard pairs of a large batch count as much as in a small one.

    Returns:
        A scalar; a mean over no pairs is 0.

    Source: Ramzi et al., "Robust and Decomposable Average Precision for Image Retrieval", NeurIPS 2021.
    """
    itself = torch.eye(len(same), dtype=torch.bool, device=same.device)
    total = similarities.new_zeros(())
    for hinge, pairs in (
        ((alpha - similarities).clamp(min=0), same & ~itself),
        ((similarities - beta).clamp(min=0), ~same),
    ):
        counted = pairs & (hinge > 0) if violating else pairs
        total = total + (hinge * counted).sum() / counted.sum().clamp(min=1)
    return total


class RoadmapLoss(nn.Module):
    """ROADMAP: `(1 - share) * SupAP + share * calibration`, for one scale.

    Args:
        share: λ, the share of the calibration, 0 to 1. The authors' program adds both with equal weights,
            which is 0.5 here, but for a factor of two.
        alpha: see `calibration`.
        beta: see `calibration`.
        violating: see `calibration`.
        tau: see `dyml.losses.hierarchical_ap`.
        delta: see `dyml.losses.hierarchical_ap`.
        rho: see `dyml.losses.hierarchical_ap`.
        offset: see `dyml.losses.hierarchical_ap`; the authors use 1.44.

    Raises:
        InputError: a share outside of 0 to 1, or a setting of SupAP that is out of range.

    Source: Ramzi et al., "Robust and Decomposable Average Precision for Image Retrieval", NeurIPS 2021.
    """

    def __init__(
        self,
        share: float = 0.5,
        alpha: float = 0.9,
        beta: float = 0.6,
        violating: bool = False,
        tau: float = 0.01,
        delta: float = 0.05,
        rho: float = 100.0,
        offset: float | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= share <= 1:
            raise InputError(f"share must lie between 0 and 1; got {share}")
        self.share, self.alpha, self.beta, self.violating = share, alpha, beta, violating
        self.ranking = AveragePrecisionLoss("bound", tau, delta, rho, offset)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: embeddings (B, D) unit rows, class ids (B,) int64."""
        marks = calibration(
            embeddings @ embeddings.T, labels[:, None] == labels, self.alpha, self.beta, self.violating
        )
        return (1 - self.share) * self.ranking(embeddings, labels) + self.share * marks

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"share={self.share}, alpha={self.alpha}, beta={self.beta}, violating={self.violating}"


def roadmap(
    num_classes: int,
    dim: int,
    share: float = 0.5,
    alpha: float = 0.9,
    beta: float = 0.6,
    violating: bool = False,
    tau: float = 0.01,
    delta: float = 0.05,
    rho: float = 100.0,
    offset: float | None = None,
) -> nn.Module:
    """Make ROADMAP for one scale.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        share: see `RoadmapLoss`, as all others.
        alpha: see `calibration`.
        beta: see `calibration`.
        violating: see `calibration`.
        tau: see `dyml.losses.hierarchical_ap`.
        delta: see `dyml.losses.hierarchical_ap`.
        rho: see `dyml.losses.hierarchical_ap`.
        offset: see `dyml.losses.hierarchical_ap`.

    Source: Ramzi et al., "Robust and Decomposable Average Precision for Image Retrieval", NeurIPS 2021.
    """
    return RoadmapLoss(share, alpha, beta, violating, tau, delta, rho, offset)
