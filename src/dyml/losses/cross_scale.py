"""Cross-Scale Learning (CSL): one reference, the own proxy, against the negatives of every scale."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses._bands import class_parents
from dyml.losses._fused import fused_terms
from dyml.losses.checks import (
    check_batch,
    check_dim,
    check_scale,
    checked_margins,
    checked_numbers,
    default_margins,
)
from dyml.taxonomy import Taxonomy

FIRST_MARGIN = 0.25  # at the finest scale; by default 0.1 more at every coarser one
SCALE = 32.0


def cross_scale_terms(
    embeddings: Tensor,
    own: Tensor,
    proxies: Tensor,
    lineage: Tensor,
    margins: Sequence[float],
    scale: float,
    recompute: bool | None = None,
) -> Tensor:
    """Compute what `cross_scale_terms_reference` does, at the cost of its three matrix products.

    It makes one pass over the similarities for all scales, holds one B · F array for backward, or none, and
    never normalises a copy of the proxies. See `dyml.losses._bands` for the way.

    Args:
        embeddings: (B, D) float16, bfloat16, float32 or float64, unit rows (they are not normalised again).
        own: (B,) int64, the fine class of each sample.
        proxies: (F, D) float, normalised here.
        lineage: (F, L) int64, row f fine class f: its class at every scale, fine to coarse. The coarser ids
            may be any integers; classes must nest.
        margins: L margins in units of cosine similarity, fine to coarse.
        scale: the inverse temperature γ.
        recompute: False: hold the B · F array from forward to backward. True: hold no array of that size, at
            the cost of a fourth product. None: True where it would have more than 2²⁸ numbers.

    Returns:
        (L, B) terms: float64 if an input is, else float32 (half precision inputs are summed in float32).
        Differentiable once, in embeddings and proxies.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """
    parents = class_parents(lineage)
    return fused_terms(embeddings, proxies, own, parents, tuple(margins), scale, recompute)


def cross_scale_loss(
    embeddings: Tensor,
    own: Tensor,
    proxies: Tensor,
    lineage: Tensor,
    margins: Sequence[float] | None = None,
    scale: float = SCALE,
    recompute: bool | None = None,
) -> Tensor:
    """Compute the CSL value of a batch: summed over scales, mean over the batch.

    Args: those of `cross_scale_terms`; margins are by default 0.25, 0.35, 0.45, and so on.

    Returns:
        A scalar.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """
    if margins is None:
        margins = default_margins(FIRST_MARGIN, lineage.shape[1])
    return cross_scale_terms(embeddings, own, proxies, lineage, margins, scale, recompute).sum(0).mean()


class CrossScaleLoss(nn.Module):
    """CSL with its proxies, one for each fine class.

    `L = mean_b sum_m log(1 + sum_{j in N_m(b)} exp(scale * (s_bj - s_bp + margins[m])))`, where s are cosine
    similarities to the proxies, p is the own fine class and N_m the fine classes outside the own class at
    scale m. A coarser scale should get a larger margin.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        margins: one margin a scale, fine to coarse, in units of cosine similarity; by default 0.25, 0.35,
            0.45, and so on.
        scale: the inverse temperature γ.
        start: how the proxies begin. None: each in a random direction of its own. Else one weight a scale,
            fine to coarse: each is the weighted sum of one random direction for each of its classes, so that
            proxies that share classes begin near each other. With many fine classes this saves many epochs.
        recompute: see `cross_scale_terms`; None decides by size.

    Attributes:
        proxies: Parameter (F, D); row f is fine class f. They need not be of unit length. They alone make up
            the `state_dict`.

    Raises:
        InputError: a setting does not fit the taxonomy or is out of range.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781. The default margins and scale
    are those of HAPPIER's rerun (arXiv 2207.04873).

    >>> taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("fine", "coarse"))
    >>> loss = CrossScaleLoss(taxonomy, dim=8, margins=(0.2, 0.3))
    >>> x = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    >>> loss(x, torch.tensor([[0, 0], [1, 0], [2, 1], [2, 1]])).shape
    torch.Size([])
    """

    lineage: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        margins: Sequence[float] | None = None,
        scale: float = SCALE,
        start: Sequence[float] | None = None,
        recompute: bool | None = None,
    ) -> None:
        super().__init__()
        check_dim(dim)
        self.margins = checked_margins(margins, FIRST_MARGIN, taxonomy.scales)
        self.scale = check_scale(scale)
        self.recompute = recompute
        self.start = None if start is None else checked_numbers(start, "start", taxonomy.scales)
        if self.start is not None and not self.start[0]:
            raise InputError("start must not be 0 at the finest scale: proxies of one class would be equal")
        self.proxies = nn.Parameter(torch.empty(taxonomy.num_fine, dim))
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        for m, parent in enumerate(class_parents(self.lineage)):
            self.register_buffer(f"parents{m}", parent, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw the proxies anew: normal and about of unit length, or from the tree if `start` is given."""
        nn.init.normal_(self.proxies, std=self.proxies.shape[1] ** -0.5)
        if self.start is not None:
            self.proxies.copy_(_tree_directions(self.proxies, self.lineage, self.start))

    def terms(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the (L, B) terms, one a scale and sample; arguments and errors are those of `forward`."""
        check_batch(embeddings, labels, self.lineage, self.proxies.shape[1])
        parents = tuple(getattr(self, f"parents{m}") for m in range(self.lineage.shape[1]))
        return fused_terms(
            embeddings, self.proxies, labels[:, 0], parents, self.margins, self.scale, self.recompute
        )

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: summed over scales, mean over the batch.

        Args:
            embeddings: (B, D) unit rows.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, or a row is not in the taxonomy.
        """
        return self.terms(embeddings, labels).sum(0).mean()

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        classes, dim = self.proxies.shape
        return f"classes={classes}, dim={dim}, margins={self.margins}, scale={self.scale}, start={self.start}"


def _tree_directions(fine: Tensor, lineage: Tensor, weights: Sequence[float]) -> Tensor:
    """Add to each fine direction (F, D) one for its class at every coarser scale; return unit rows."""
    total = weights[0] * fine
    for column, weight in zip(lineage.T[1:], weights[1:]):
        _, classes = column.unique(return_inverse=True)
        drawn = torch.randn(int(classes.max()) + 1, fine.shape[1], dtype=fine.dtype, device=fine.device)
        total += weight * fine.shape[1] ** -0.5 * drawn[classes]
    return normalize(total, dim=1)
