"""Cross-Scale Learning written as its formula: the readable form that the fast one is tested against."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize


def cross_scale_terms_reference(
    embeddings: Tensor,
    own: Tensor,
    proxies: Tensor,
    lineage: Tensor,
    margins: Sequence[float],
    scale: float,
) -> Tensor:
    """Compute every sample's CSL term at every scale, with a mask of the negatives at each.

    With s the cosine similarities to the F proxies, s_p the one to the own proxy and N_m the fine classes
    outside the sample's class at scale m, the term of scale m is
    `log(1 + sum_{j in N_m} exp(scale * (s_j - s_p + margins[m])))`.

    Args:
        embeddings: (B, D) float, unit rows (they are not normalised again).
        own: (B,) int64, the fine class of each sample.
        proxies: (F, D) float, normalised here.
        lineage: (F, L) int64, row f fine class f: its class at every scale, fine to coarse. The coarser ids
            may be any integers.
        margins: L margins in units of cosine similarity, fine to coarse.
        scale: the inverse temperature γ.

    Returns:
        (L, B) terms, in the dtype of the similarities. They hold about (3 + L) · B · F numbers for backward.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """
    similarities = embeddings @ normalize(proxies, dim=1).T
    own_similarity = similarities.gather(1, own[:, None])
    terms = []
    for m, margin in enumerate(margins):
        negative = lineage[None, :, m] != lineage[own, None, m]
        logits = scale * (similarities - own_similarity + margin)
        log_sum = logits.masked_fill(~negative, -torch.inf).logsumexp(dim=1)
        terms.append(log_sum.logaddexp(log_sum.new_zeros(())))
    return torch.stack(terms)
