"""The methods of the study, as a table that is meant to be read.

One policy for all, so that no method is tuned while looking at test figures:

- **Temperature and margin.** What has one temperature over cosine similarities and a margin (the softmax
  family, Cross-Scale Learning, tied proxies) shares them: γ = 24; margin 0.2, growing by 0.1 a scale where a
  loss has one for each. All other losses keep the settings of their papers, as `dyml.losses` has them.
- **Start of the proxies.** Random directions, about 1 long, also for the losses of pytorch-metric-learning,
  which begin theirs otherwise (`dyml.study.start`). In `csl-tree` alone they begin in the shape of the tree.
- **Rate of the proxies.** One for all methods and sets (`dyml.study.budgets`).
- **All else** (network, augmentation, batches, optimiser, steps) is the set's, the same for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCALE = 24.0
MARGIN = 0.2
GROWING = (0.2, 0.3, 0.4)
FINE_ONLY = (1, 0, 0)

SEVERAL = "made for several scales"
PROXIES = "a loss with proxies at each scale"
PAIRS = "a loss on pairs at each scale"
FINE = "the finest scale alone"
FAMILIES = (SEVERAL, PROXIES, PAIRS, FINE, "own")


@dataclass(frozen=True)
class Method:
    """One line of the study.

    Attributes:
        key: its short name, for folders and options.
        title: its name in tables.
        loss: the section `loss` of the configuration: `type` and the loss' own options.
        settings: further settings by dotted name, such as `{"model.dim": 129}`.
        sets: by set, further settings for that set alone.
        source: where it was published.
        family: its group, for the figure.
    """

    key: str
    title: str
    loss: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: str = ""
    family: str = "own"


def per_scale(loss: str, weights: tuple[float, ...] | None = None, **args: Any) -> dict[str, Any]:
    """Return the section of a single-scale loss of `dyml.losses` at every scale, or with weights."""
    section: dict[str, Any] = {"type": "dyml.losses.MultiScale", "loss": f"dyml.losses.{loss}"}
    if args:
        section["args"] = args
    return section if weights is None else {**section, "weights": list(weights)}


def library(loss: str, weights: tuple[float, ...] | None = None, **args: Any) -> dict[str, Any]:
    """Return the section of a loss with proxies of pytorch-metric-learning, which begin as all others do."""
    section = per_scale(loss, weights, **args, weight_init_func={"type": "dyml.study.start.UnitStart"})
    return {**section, "loss": loss if "." in loss else f"pytorch_metric_learning.losses.{loss}"}


CSL = {"type": "dyml.losses.CrossScaleLoss", "margins": list(GROWING), "scale": SCALE}
TIED = {"type": "dyml.losses.TiedProxyLoss", "margins": list(GROWING), "scale": SCALE}
# ROADMAP's second term keeps cosines above 0.9 within a class and below 0.6 between classes.
CALIBRATION = {
    "type": "dyml.losses.MultiScale",
    "loss": "pytorch_metric_learning.losses.ContrastiveLoss",
    "args": {
        "pos_margin": 0.9,
        "neg_margin": 0.6,
        "distance": {"type": "pytorch_metric_learning.distances.CosineSimilarity"},
    },
    "weights": list(FINE_ONLY),
}

SHIPPED = (
    # made for several scales
    Method("csl", "CSL", CSL, source="Sun 2021", family=SEVERAL),
    Method(
        "csl-tree",
        "CSL (tree start)",
        {**CSL, "start": [0.6, 1.0, 2.0]},
        source="Sun 2021; start ours",
        family=SEVERAL,
    ),
    Method(
        "happier",
        "HAPPIER",
        {"type": "dyml.losses.HierarchicalAPLoss", "cluster": 0.1},
        source="Ramzi 2022",
        family=SEVERAL,
    ),
    # 129 numbers, since three parts must be equal; an average that forgets within the few steps of a run
    Method(
        "msa",
        "MSA",
        {"type": "dyml.losses.ScaleAggregationLoss", "momentum": 0.99},
        {"model.head": "scales", "model.dim": 129},
        source="Zhang 2023",
        family=SEVERAL,
    ),
    Method("tied", "Tied proxies", TIED, source="ours", family=SEVERAL),
    Method(
        "csl+tied",
        "CSL + tied",
        {"type": "dyml.losses.SumLoss", "terms": [CSL, TIED]},
        source="Sun 2021; ours",
        family=SEVERAL,
    ),
    Method(
        "contrast",
        "Scale contrast",
        {"type": "dyml.losses.ScaleContrastLoss"},
        source="ours",
        family=SEVERAL,
    ),
    # one single-scale loss a scale, with proxies
    Method(
        "softmax",
        "Softmax per scale",
        library("NormalizedSoftmaxLoss", temperature=1 / SCALE),
        source="Zhai 2019",
        family=PROXIES,
    ),
    Method(
        "cosface",
        "CosFace per scale",
        library("CosFaceLoss", margin=MARGIN, scale=SCALE),
        source="Wang 2018",
        family=PROXIES,
    ),
    Method(  # the margin is in degrees: 0.2 radians
        "arcface",
        "ArcFace per scale",
        library("dyml.losses._arcface.SmoothArcFaceLoss", margin=11.5, scale=SCALE),
        source="Deng 2019",
        family=PROXIES,
    ),
    Method("circle", "Circle per scale", per_scale("circle"), source="Sun 2020", family=PROXIES),
    Method(
        "proxy-anchor",
        "Proxy-anchor per scale",
        library("ProxyAnchorLoss", margin=0.1, alpha=32),
        source="Kim 2020",
        family=PROXIES,
    ),
    Method(
        "soft-triple",
        "SoftTriple per scale",
        library("SoftTripleLoss", centers_per_class=4, la=20, gamma=0.1, margin=0.01),
        source="Qian 2019",
        family=PROXIES,
    ),
    # one single-scale loss a scale, on pairs
    Method("triplet", "Triplet per scale", per_scale("triplet"), source="Hermans 2017", family=PAIRS),
    Method(
        "multi-similarity",
        "Multi-similarity per scale",
        per_scale("multi_similarity"),
        source="Wang 2019",
        family=PAIRS,
    ),
    Method("n-pair", "N-pair per scale", per_scale("n_pair"), source="Sohn 2016", family=PAIRS),
    Method(
        "contrastive", "Contrastive per scale", per_scale("contrastive"), source="Hadsell 2006", family=PAIRS
    ),
    Method(
        "supcon",
        "SupCon per scale",
        {
            "type": "dyml.losses.MultiScale",
            "loss": "pytorch_metric_learning.losses.SupConLoss",
            "args": {"temperature": 1 / 12},
        },
        source="Khosla 2020",
        family=PAIRS,
    ),
    # the finest scale alone
    Method(
        "cosface-fine",
        "CosFace (fine)",
        library("CosFaceLoss", FINE_ONLY, margin=MARGIN, scale=SCALE),
        source="Wang 2018",
        family=FINE,
    ),
    Method(
        "smooth-ap-fine",
        "Smooth-AP (fine)",
        per_scale("smooth_ap", FINE_ONLY),
        source="Brown 2020",
        family=FINE,
    ),
    Method(
        "roadmap-fine",
        "ROADMAP (fine)",
        {
            "type": "dyml.losses.SumLoss",
            "terms": [{**per_scale("sup_ap", FINE_ONLY), "weight": 0.5}, {**CALIBRATION, "weight": 0.5}],
        },
        source="Ramzi 2021",
        family=FINE,
    ),
)
