"""The margin softmax that several losses put on their own similarities."""

from torch import Tensor
from torch.nn.functional import cross_entropy


def margin_softmax(cosines: Tensor, own: Tensor, margin: float, scale: float) -> Tensor:
    """Return every sample's softmax loss with a margin taken from the similarity of its own class.

    `log(1 + sum_{c != y} exp(scale * (s_c - s_y + margin)))`.

    Args:
        cosines: (B, C) float, of every sample to every class.
        own: (B,) int64, the class of each sample.
        margin: in units of cosine similarity.
        scale: the inverse temperature.

    Returns:
        (B,) terms.

    Source: Wang et al., "CosFace", CVPR 2018, arXiv 1801.09414.
    """
    less = cosines.new_full((len(own), 1), -margin)
    return cross_entropy(scale * cosines.scatter_add(1, own[:, None], less), own, reduction="none")
