"""Cross-Scale Learning against a random share of the proxies at every step, for millions of fine classes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from dyml.errors import InputError
from dyml.losses._bands import class_parents
from dyml.losses._fused import fused_terms
from dyml.losses.checks import check_batch
from dyml.losses.cross_scale import SCALE, CrossScaleLoss
from dyml.taxonomy import Taxonomy


def sample_classes(
    own: Tensor, num_classes: int, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Choose classes: all that are given, and others at random until there are `count`.

    Args:
        own: (B,) int64, classes that must be among them.
        num_classes: F.
        count: how many to choose; where B is more, B.
        generator: of the random choice; None: torch's own.

    Returns:
        (S,) int64, distinct, ascending.
    """
    keys = torch.rand(num_classes, device=own.device, generator=generator)
    keys[own] = 2.0
    # Counting the distinct own classes would stop an accelerator: there is room for all of the batch instead.
    count = min(num_classes, max(count, len(own)))
    return keys.topk(count, sorted=False).indices.sort().values


class SampledCrossScaleLoss(CrossScaleLoss):
    """CSL in which every step sees the batch's own classes and a random share of all others.

    The loss of `CrossScaleLoss`, with the sums over negatives taken over the chosen classes alone. Time and
    memory fall with the share. The draw is torch's: seed it for a run that repeats.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        share: the share of all fine classes that a step sees, above 0 to 1.
        sparse: give the proxies a sparse gradient, of the chosen rows alone. Then a step with
            `torch.optim.SparseAdam`, or with SGD without momentum or decay, costs in proportion to the share.
            `dyml train` does so by itself, on one device.
        margins: see `CrossScaleLoss`.
        scale: see `CrossScaleLoss`.
        start: see `CrossScaleLoss`.

    Attributes:
        proxies: Parameter (F, D); row f is fine class f.

    Raises:
        InputError: a setting does not fit the taxonomy or is out of range.

    Source: An et al., "Partial FC: Training 10 Million Identities on a Single Machine", ICCVW 2021; Sun et
    al., "Dynamic Metric Learning", CVPR 2021.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        share: float = 0.1,
        sparse: bool = False,
        margins: Sequence[float] | None = None,
        scale: float = SCALE,
        start: Sequence[float] | None = None,
    ) -> None:
        if not 0 < share <= 1:
            raise InputError(f"share must lie above 0 and be 1 at most; got {share}")
        super().__init__(taxonomy, dim, margins, scale, start)
        self.share, self.sparse = share, sparse
        self.count = max(1, round(share * taxonomy.num_fine))

    def sparse_parameters(self) -> list[nn.Parameter]:
        """Return the proxies where their gradient is sparse (see `dyml.losses.protocols.SparseLoss`)."""
        return [self.proxies] if self.sparse else []

    def terms(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the (L, B) terms of this draw; arguments and errors are those of `forward`."""
        check_batch(embeddings, labels, self.lineage, self.proxies.shape[1])
        chosen = sample_classes(labels[:, 0], len(self.lineage), self.count)
        proxies = embedding(chosen, self.proxies, sparse=self.sparse)
        own = torch.searchsorted(chosen, labels[:, 0].contiguous())
        parents = class_parents(self.lineage[chosen])
        return fused_terms(embeddings, proxies, own, parents, self.margins, self.scale, self.recompute)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return f"{super().extra_repr()}, share={self.share}, sparse={self.sparse}"
