"""Tied proxies: one margin softmax a scale, all on the fine proxies; a coarse proxy is the sum of its own."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.losses._bands import class_parents
from dyml.losses._margin import margin_softmax
from dyml.losses.checks import check_batch, check_dim, check_scale, checked_margins, checked_weights
from dyml.taxonomy import Taxonomy

FIRST_MARGIN = 0.2  # at the finest scale; by default 0.1 more at every coarser one
SCALE = 24.0
SHORTEST = 1e-6  # proxies that cancel leave no direction; below this length a sum counts as none


def tied_proxies(proxies: Tensor, parents: Sequence[Tensor]) -> list[Tensor]:
    """Return unit proxies for the classes of every scale, from those of the fine classes alone.

    A class' proxy is the sum of the unit proxies of the fine classes below it, brought to unit length.

    Args:
        proxies: (F, D) float, of any length.
        parents: L tensors, as of `class_parents`.

    Returns:
        L tensors: the m-th is (C_m, D), over the classes of scale m in ascending order of their ids.
    """
    sums = normalize(proxies, dim=1)
    scales = [sums]
    for parent, above in pairwise(parents):
        sums = sums.new_zeros(len(above), sums.shape[1]).index_add(0, parent, sums)
        scales.append(normalize(sums, dim=1, eps=SHORTEST))
    return scales


def tied_proxy_terms(
    embeddings: Tensor,
    own: Tensor,
    proxies: Tensor,
    parents: Sequence[Tensor],
    margins: Sequence[float],
    scale: float,
) -> Tensor:
    """Compute every sample's margin softmax at every scale against tied proxies.

    With s_c the cosine similarities to the proxies of scale m and y the own class there, the term is
    `log(1 + sum_{c != y} exp(scale * (s_c - s_y + margins[m])))`.

    Args:
        embeddings: (B, D) float, unit rows.
        own: (B,) int64, the fine class of each sample.
        proxies: (F, D) float, normalised here.
        parents: L tensors, as of `class_parents`.
        margins: L margins in units of cosine similarity, fine to coarse.
        scale: the inverse temperature.

    Returns:
        (L, B) terms: float64 if an input is, else float32.
    """
    dtype = torch.promote_types(torch.promote_types(embeddings.dtype, proxies.dtype), torch.float32)
    terms = []
    with torch.autocast(embeddings.device.type, enabled=False):
        x = embeddings.to(dtype)
        for w, parent, margin in zip(tied_proxies(proxies.to(dtype), parents), parents, margins):
            terms.append(margin_softmax(x @ w.T, own, margin, scale))
            own = parent[own]
    return torch.stack(terms)


class TiedProxyLoss(nn.Module):
    """One margin softmax a scale whose proxies are all made of the fine ones.

    `L = mean_b sum_m weights[m] * term_m(b) / sum_m weights[m]` with the terms of `tied_proxy_terms`: at
    scale m the proxy of a class is the normalised sum of the unit proxies of the fine classes below it. There
    are no more parameters than at the finest scale alone, and all scales shape one geometry.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        margins: one margin a scale, fine to coarse, in units of cosine similarity, best growing; by default
            0.2, 0.3, 0.4, and so on.
        scale: the inverse temperature.
        weights: one weight a scale, fine to coarse; by default all 1.

    Attributes:
        proxies: Parameter (F, D); row f is fine class f. They alone make up the `state_dict`.

    Raises:
        InputError: a setting does not fit the taxonomy or is out of range.

    Source: this library.

    >>> taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("fine", "coarse"))
    >>> loss = TiedProxyLoss(taxonomy, dim=8, margins=(0.2, 0.3))
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
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        check_dim(dim)
        self.margins = checked_margins(margins, FIRST_MARGIN, taxonomy.scales)
        self.scale = check_scale(scale)
        self.weights = checked_weights(weights, taxonomy.scales)
        self.proxies = nn.Parameter(torch.randn(taxonomy.num_fine, dim) * dim**-0.5)
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        for m, parent in enumerate(class_parents(self.lineage)):
            self.register_buffer(f"parents{m}", parent, persistent=False)

    def terms(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the (L, B) terms, one a scale and sample; arguments and errors are those of `forward`."""
        check_batch(embeddings, labels, self.lineage, self.proxies.shape[1])
        parents = [getattr(self, f"parents{m}") for m in range(self.lineage.shape[1])]
        return tied_proxy_terms(embeddings, labels[:, 0], self.proxies, parents, self.margins, self.scale)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch: weighted mean over scales, mean over the batch.

        Args:
            embeddings: (B, D) unit rows.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, or a row is not in the taxonomy.
        """
        terms = self.terms(embeddings, labels).mean(1)
        return (terms * terms.new_tensor(self.weights)).sum() / sum(self.weights)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        classes, dim = self.proxies.shape
        return (
            f"classes={classes}, dim={dim}, margins={self.margins}, scale={self.scale}, "
            f"weights={self.weights}"
        )
