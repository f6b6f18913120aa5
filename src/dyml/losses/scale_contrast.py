"""Contrast at every scale: each sample is drawn to its like at all scales, in one softmax over the batch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses._margin import margin_softmax
from dyml.losses.checks import check_batch, check_dim, check_scale, checked_margins, checked_weights
from dyml.taxonomy import Taxonomy

SCALE = 12.0
SHARE = 0.5
PROXY_SCALE, FIRST_MARGIN = 24.0, 0.2


def scale_contrast_terms(embeddings: Tensor, labels: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Compute every sample's contrast at every scale with the other samples of its batch.

    With s_ij the cosine similarities and P_m(i) the others of i's class at scale m, the term is
    `log(sum_{j != i} exp(scale * s_ij)) - scale * mean_{p in P_m(i)} s_ip`: the cross-entropy of a softmax
    over the other samples with the target that is even over P_m(i). The first part is the same at all scales.

    Args:
        embeddings: (B, D) float, unit rows.
        labels: (B, L) int64.
        scale: the inverse temperature.

    Returns:
        (L, B) terms, float64 if the embeddings are, else float32, and (L, B) bool, whether P_m(i) has
        anybody; where it has nobody, the term is 0.
    """
    with torch.autocast(embeddings.device.type, enabled=False):
        x = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
        similarities = scale * (x @ x.T)
        self_pairs = torch.eye(len(x), dtype=torch.bool, device=x.device)
        # Not -inf: a batch of one would have no number at all, and its gradient would be NaN.
        lowest = torch.finfo(x.dtype).min
        total = torch.logsumexp(similarities.masked_fill(self_pairs, lowest), dim=1)
        terms, counted = [], []
        for column in labels.T:
            like = (column[:, None] == column[None, :]) & ~self_pairs
            count = like.sum(1)
            drawn = (similarities * like).sum(1) / count.clamp(min=1)
            has = count > 0
            terms.append(torch.where(has, total - drawn, 0.0))
            counted.append(has)
    return torch.stack(terms), torch.stack(counted)


class ScaleContrastLoss(nn.Module):
    """Supervised contrast at every scale within the batch, and one margin softmax a scale beside it.

    `L = sum_m weights[m] * (mean_i term_m(i) + share * mean_i softmax_m(i)) / sum_m weights[m]`. The terms
    are those of `scale_contrast_terms`, their mean is over the samples that have others of their class in the
    batch. `softmax_m(i) = log(1 + sum_{c != y} exp(gamma_m * (s_c - s_y + margins[m])))` over one proxy for
    each class of scale m, with `gamma_m = 2 * proxy_scale / (m + 2)`: coarser scales are judged more softly.

    As all scales share one softmax over the batch, the first part is one cross-entropy whose target lies over
    the other samples as the tree says: most on those of the same fine class, some on those of the same middle
    class, the least on those that share the coarsest class alone. What shares nothing is pushed off. Pairs
    move the embedding from the first step on, where proxies must first be learnt; proxies stand for the
    classes that a batch does not hold.

    Args:
        taxonomy: the tree of the training classes.
        dim: D, the length of the embeddings.
        scale: the inverse temperature of the contrast.
        weights: one weight a scale, fine to coarse; by default all 1.
        share: the weight of the margin softmax; 0 leaves it out, and the loss has no parameters.
        margins: its margins, one a scale, fine to coarse, in units of cosine similarity; by default 0.2,
            growing by 0.1 a scale.
        proxy_scale: its inverse temperature at the finest scale.

    Attributes:
        proxies: L parameters (C_m, D), one row a class; none where `share` is 0.

    Raises:
        InputError: a setting does not fit the taxonomy or is out of range.

    Source: this library. The contrast at one scale is SupCon's (Khosla et al., "Supervised Contrastive
    Learning", NeurIPS 2020, arXiv 2004.11362), CosFace Wang et al.'s (CVPR 2018, arXiv 1801.09414).

    >>> taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], scales=("fine", "coarse"))
    >>> loss = ScaleContrastLoss(taxonomy, dim=8)
    >>> x = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    >>> loss(x, torch.tensor([[0, 0], [1, 0], [2, 1], [2, 1]])).shape
    torch.Size([])
    """

    lineage: Tensor
    codes: Tensor

    def __init__(
        self,
        taxonomy: Taxonomy,
        dim: int,
        scale: float = SCALE,
        weights: Sequence[float] | None = None,
        share: float = SHARE,
        margins: Sequence[float] | None = None,
        proxy_scale: float = PROXY_SCALE,
    ) -> None:
        super().__init__()
        check_dim(dim)
        if not 0 <= share < float("inf"):
            raise InputError(f"share must be a weight of 0 or more; got {share}")
        self.dim, self.share = dim, float(share)
        self.scale = check_scale(scale)
        self.weights = checked_weights(weights, taxonomy.scales)
        self.margins = checked_margins(margins, FIRST_MARGIN, taxonomy.scales)
        self.proxy_scale = check_scale(proxy_scale)
        classes = taxonomy.num_classes if share else ()
        self.proxies = nn.ParameterList(torch.randn(count, dim) * dim**-0.5 for count in classes)
        # Not persistent: the tree comes from the taxonomy, and loading weights must not replace it.
        self.register_buffer("lineage", torch.from_numpy(taxonomy.lineage.copy()), persistent=False)
        self.register_buffer("codes", torch.from_numpy(taxonomy.codes.copy()), persistent=False)

    def contrast(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the first part alone, a scalar; arguments and errors are those of `forward`."""
        check_batch(embeddings, labels, self.lineage, self.dim)
        terms, counted = scale_contrast_terms(embeddings, labels, self.scale)
        return self._over_scales(terms.sum(1) / counted.sum(1).clamp(min=1))

    def softmax(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the second part alone, before its weight, a scalar; arguments are those of `forward`."""
        own = self.codes[labels[:, 0]]
        with torch.autocast(embeddings.device.type, enabled=False):
            x = embeddings.to(torch.promote_types(embeddings.dtype, torch.float32))
            terms = []
            for m, (proxies, margin) in enumerate(zip(self.proxies, self.margins)):
                gamma = 2 * self.proxy_scale / (m + 2)
                cosines = x @ normalize(proxies, dim=1).to(x.dtype).T
                terms.append(margin_softmax(cosines, own[:, m], margin, gamma).mean())
        return self._over_scales(torch.stack(terms))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            embeddings: (B, D) unit rows.
            labels: (B, L) int64, rows of the taxonomy's lineage.

        Raises:
            InputError: shapes or dtypes do not fit, or a row is not in the taxonomy.
        """
        loss = self.contrast(embeddings, labels)
        return loss + self.share * self.softmax(embeddings, labels) if self.share else loss

    def _over_scales(self, values: Tensor) -> Tensor:
        return (values * values.new_tensor(self.weights)).sum() / sum(self.weights)

    def extra_repr(self) -> str:
        """Show the settings in the module's repr."""
        return (
            f"dim={self.dim}, scale={self.scale}, weights={self.weights}, share={self.share}, "
            f"margins={self.margins}, proxy_scale={self.proxy_scale}"
        )
