"""Single-scale losses on the pairs of a batch: each a maker `(num_classes, dim, **settings) -> module`.

They hold no parameters. Batches need two pictures a class or more; where there is no pair the loss is 0.
All are pytorch-metric-learning's. A `miner` chooses pairs or triplets, a `reducer` says how their losses
become one number; both are objects, or mappings with a `type` (see `dyml.losses.pml`).
"""

from typing import Any, Literal

from torch import Tensor, nn

from dyml.errors import InputError
from dyml.losses.pml import metric_learning

PML = "pytorch_metric_learning.losses"
MINERS = "pytorch_metric_learning.miners"


def triplet(
    num_classes: int,
    dim: int,
    margin: float = 0.1,
    mining: Literal["hard", "semihard", "all"] = "hard",
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make the triplet loss `max(0, d(a, p) - d(a, n) + margin)` with Euclidean distances.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        margin: in units of distance, 0 to 2 on unit vectors.
        mining: "hard": one triplet an anchor, of its farthest positive and nearest negative; "semihard": all
            triplets whose negative is farther than the positive, but by less than the margin; "all".
        miner: takes the place of `mining`.
        reducer: by default the mean over the triplets whose loss is not 0.

    Raises:
        InputError: no such mining.

    Source: Schroff et al., "FaceNet", CVPR 2015 (semi-hard); Hermans et al., "In Defense of the Triplet
    Loss", arXiv 1703.07737 (batch-hard).
    """
    miners: dict[str, Any] = {
        "hard": {"type": f"{MINERS}.BatchHardMiner"},
        "semihard": {
            "type": f"{MINERS}.TripletMarginMiner",
            "margin": margin,
            "type_of_triplets": "semihard",
        },
        "all": None,
    }
    if mining not in miners:
        raise InputError(f"mining must be one of {', '.join(miners)}; got {mining!r}")
    miner = miners[mining] if miner is None else miner
    return metric_learning(
        num_classes, dim, f"{PML}.TripletMarginLoss", {"margin": margin, "reducer": reducer}, miner
    )


def n_pair(
    num_classes: int, dim: int, scale: float = 16.0, miner: Any = None, reducer: Any = None
) -> nn.Module:
    """Make the N-pair loss: one pair a class; softmax of an anchor over the positives of all classes.

    The pair of a class is its first two pictures in the batch, so their order matters to this loss.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        scale: multiplies the similarities. The paper leaves embeddings unnormalised; unit vectors need it.
        miner: chooses the pairs from which one a class is taken.
        reducer: by default the mean over the classes.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NeurIPS 2016.
    """
    distance = {
        "type": "pytorch_metric_learning.distances.DotProductSimilarity",
        "normalize_embeddings": False,
    }
    args = {"distance": distance, "reducer": reducer}
    return _Scaled(metric_learning(num_classes, dim, f"{PML}.NPairsLoss", args, miner), scale)


def multi_similarity(
    num_classes: int,
    dim: int,
    alpha: float = 2.0,
    beta: float = 50.0,
    base: float = 0.5,
    epsilon: float | None = 0.1,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make the multi-similarity loss: soft maxima over the positive and the negative pairs of an anchor.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        alpha: the sharpness over positive pairs.
        beta: the sharpness over negative pairs.
        base: λ, the similarity that should part positives from negatives.
        epsilon: the paper's mining keeps pairs that come within epsilon of the hardest of the other kind;
            None keeps all pairs.
        miner: takes the place of that mining.
        reducer: by default the mean over the anchors.

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting", CVPR 2019.
    """
    if miner is None and epsilon is not None:
        miner = {"type": f"{MINERS}.MultiSimilarityMiner", "epsilon": epsilon}
    args = {"alpha": alpha, "beta": beta, "base": base, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.MultiSimilarityLoss", args, miner)


def contrastive(
    num_classes: int,
    dim: int,
    pos_margin: float = 0.0,
    neg_margin: float = 1.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make the contrastive loss `max(0, d - pos_margin)` and `max(0, neg_margin - d)`, Euclidean distances.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        pos_margin: distance below which a positive pair is at rest.
        neg_margin: distance above which a negative pair is at rest.
        miner: chooses the pairs.
        reducer: by default the mean over the pairs whose loss is not 0, of either kind, added.

    Source: Hadsell et al., "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006.
    """
    args = {"pos_margin": pos_margin, "neg_margin": neg_margin, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.ContrastiveLoss", args, miner)


def circle_pairs(
    num_classes: int,
    dim: int,
    margin: float = 0.4,
    scale: float = 80.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make the circle loss on the pairs of a batch; `circle` is the one against class proxies.

    Args:
        num_classes: the number of classes at the scale; not used.
        dim: D, the length of the embeddings; not used.
        margin: m; positive pairs should pass 1 - m, negative pairs stay below m.
        scale: the inverse temperature γ.
        miner: chooses the pairs.
        reducer: by default the mean over the anchors whose loss is not 0.

    Source: Sun et al., "Circle Loss", CVPR 2020, arXiv 2002.10857.
    """
    args = {"m": margin, "gamma": scale, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.CircleLoss", args, miner)


class _Scaled(nn.Module):
    """Multiply all inner products by a factor before a loss sees the embeddings."""

    def __init__(self, loss: nn.Module, scale: float) -> None:
        super().__init__()
        if not scale > 0:
            raise InputError(f"scale must be a positive number; got {scale}")
        self.loss, self.scale = loss, scale

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        return self.loss(embeddings * self.scale**0.5, labels)
