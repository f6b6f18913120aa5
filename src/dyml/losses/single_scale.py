"""Single-scale losses with class proxies: each a maker `(num_classes, dim, **settings) -> module`.

A module made here is called with embeddings (B, D) and the class ids (B,) of one scale. `MultiScale` applies
one at every scale. All but the circle loss are pytorch-metric-learning's; a `miner` weights the samples by
how often it picks them, a `reducer` says how the samples' losses become one number. Both are objects, or
mappings with a `type` (see `dyml.losses.pml`).
"""

from typing import Any

from torch import nn

from dyml.errors import InputError
from dyml.losses.circle_proxies import CircleProxyLoss
from dyml.losses.pml import metric_learning

PML = "pytorch_metric_learning.losses"
SPARSE_CENTERS = "pytorch_metric_learning.regularizers.SparseCentersRegularizer"


def softmax(
    num_classes: int, dim: int, temperature: float = 0.05, miner: Any = None, reducer: Any = None
) -> nn.Module:
    """Make the normalised softmax: cross-entropy of cosine similarities divided by a temperature.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        temperature: what the cosines are divided by.
        miner: see the module's text.
        reducer: see the module's text.

    Source: Zhai and Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019.
    """
    args = {"temperature": temperature, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.NormalizedSoftmaxLoss", args, miner)


def cosface(
    num_classes: int,
    dim: int,
    margin: float = 0.35,
    scale: float = 64.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make CosFace, a softmax over class proxies with an additive cosine margin on the own class.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        margin: taken from the own class' cosine similarity.
        scale: the inverse temperature.
        miner: see the module's text.
        reducer: see the module's text.

    Source: Wang et al., "CosFace", CVPR 2018.
    """
    args = {"margin": margin, "scale": scale, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.CosFaceLoss", args, miner)


def arcface(
    num_classes: int,
    dim: int,
    margin: float = 28.6,
    scale: float = 64.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make ArcFace, a softmax over class proxies with an additive margin on the angle to the own class.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        margin: added to the angle to the own class, in degrees.
        scale: the inverse temperature.
        miner: see the module's text.
        reducer: see the module's text.

    Source: Deng et al., "ArcFace", CVPR 2019.
    """
    args = {"margin": margin, "scale": scale, "reducer": reducer}
    return metric_learning(num_classes, dim, "dyml.losses._arcface.SmoothArcFaceLoss", args, miner)


def proxy_anchor(
    num_classes: int,
    dim: int,
    margin: float = 0.1,
    scale: float = 32.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make proxy-anchor: every proxy is an anchor that pulls its own samples and pushes all others.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        margin: in units of cosine similarity.
        scale: the inverse temperature, α in the paper.
        miner: see the module's text.
        reducer: see the module's text.

    Source: Kim et al., "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020.
    """
    args = {"margin": margin, "alpha": scale, "reducer": reducer}
    return metric_learning(num_classes, dim, f"{PML}.ProxyAnchorLoss", args, miner)


def soft_triple(
    num_classes: int,
    dim: int,
    centers: int = 4,
    scale: float = 20.0,
    gamma: float = 0.1,
    margin: float = 0.01,
    merging: float = 0.0,
    miner: Any = None,
    reducer: Any = None,
) -> nn.Module:
    """Make SoftTriple: a margin softmax in which every class has several proxies.

    Args:
        num_classes: the number of classes at the scale.
        dim: D, the length of the embeddings.
        centers: proxies of a class.
        scale: the inverse temperature, λ in the paper.
        gamma: the temperature of the softmax that chooses among the proxies of a class.
        margin: taken from the own class' similarity, δ in the paper.
        merging: the weight of a penalty on the distances between the proxies of a class, τ in the paper; it
            merges those that are not needed. The authors use 0.2, with 10 proxies. It is computed from one
            table of all proxies by all, so it is for hundreds of classes, not for many thousands.
        miner: see the module's text.
        reducer: see the module's text.

    Raises:
        InputError: a merging below 0, or without a second proxy to merge.

    Source: Qian et al., "SoftTriple Loss", ICCV 2019.
    """
    if not merging >= 0 or (merging and centers < 2):
        raise InputError(
            "merging must not be negative, and needs 2 centers or more; "
            f"got merging {merging}, {centers} centers"
        )
    args = {"centers_per_class": centers, "la": scale, "gamma": gamma, "margin": margin, "reducer": reducer}
    if merging:
        regularizer = {"num_classes": num_classes, "centers_per_class": centers}
        args["weight_regularizer"] = {"type": SPARSE_CENTERS, **regularizer}
        args["weight_reg_weight"] = merging
    return metric_learning(num_classes, dim, f"{PML}.SoftTripleLoss", args, miner)


def circle(num_classes: int, dim: int, margin: float = 0.25, scale: float = 64.0) -> nn.Module:
    """Make the circle loss against class proxies; `circle_pairs` is the one on pairs.

    Args: those of `dyml.losses.CircleProxyLoss`.

    Source: Sun et al., "Circle Loss", CVPR 2020, arXiv 2002.10857.
    """
    return CircleProxyLoss(num_classes, dim, margin, scale)
