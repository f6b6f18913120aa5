"""Every single-scale loss: against loops, gradients, symmetries, and batches at the edge."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import single_scale_naive as naive
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import ConfigError, InputError
from dyml.losses import (
    MultiScale,
    arcface,
    circle,
    circle_pairs,
    contrastive,
    cosface,
    metric_learning,
    multi_similarity,
    n_pair,
    proxy_anchor,
    roadmap,
    smooth_ap,
    soft_triple,
    softmax,
    sup_ap,
    triplet,
)
from dyml.losses.building import option_names
from dyml.taxonomy import Taxonomy

CLASSES, DIM = 4, 5
Y = torch.tensor([0, 1, 0, 2, 2, 1, 2, 0])  # class 3 has a proxy but no picture
KEEP = lambda c: c  # noqa: E731


@dataclass
class Case:
    """A maker, its settings, and the same loss as a function of lists (embeddings, labels[, proxies])."""

    maker: Callable[..., nn.Module]
    settings: dict[str, Any]
    expected: Callable[..., float]
    proxies: bool = True
    gradcheck: bool = True
    order_matters: bool = field(default=False)


def _softmax(x: naive.Rows, y: list[int], w: naive.Rows) -> float:
    return naive.margin_softmax(x, y, w, KEEP, 1 / 0.2)


def _cosface(x: naive.Rows, y: list[int], w: naive.Rows) -> float:
    return naive.margin_softmax(x, y, w, lambda c: c - 0.3, 8.0)


def _arcface(x: naive.Rows, y: list[int], w: naive.Rows) -> float:
    return naive.margin_softmax(x, y, w, naive.arc(60.0), 8.0)


P = functools.partial
SMOOTH = {"tau": 0.2, "delta": 0.3, "rho": 4.0, "offset": 1.44}
CASES = {
    "softmax": Case(softmax, {"temperature": 0.2}, _softmax),
    "cosface": Case(cosface, {"margin": 0.3, "scale": 8.0}, _cosface),
    "arcface": Case(arcface, {"margin": 60.0, "scale": 8.0}, _arcface),
    "proxy_anchor": Case(
        proxy_anchor, {"margin": 0.2, "scale": 6.0}, P(naive.proxy_anchor, margin=0.2, scale=6.0)
    ),
    "soft_triple": Case(
        soft_triple,
        {"centers": 3, "scale": 9.0, "gamma": 0.2, "margin": 0.05},
        P(naive.soft_triple, centers=3, scale=9.0, gamma=0.2, margin=0.05),
    ),
    "soft_triple with merging": Case(
        soft_triple,
        {"centers": 3, "scale": 9.0, "gamma": 0.2, "margin": 0.05, "merging": 0.4},
        P(naive.merged_soft_triple, centers=3, scale=9.0, gamma=0.2, margin=0.05, merging=0.4),
    ),
    "circle": Case(  # the weights are constant in the gradient, so differences do not see it
        circle,
        {"margin": 0.3, "scale": 8.0},
        P(naive.circle_proxies, margin=0.3, scale=8.0),
        gradcheck=False,
    ),
    "circle_pairs": Case(
        circle_pairs,
        {"margin": 0.3, "scale": 8.0},
        P(naive.circle_pairs, margin=0.3, scale=8.0),
        proxies=False,
        gradcheck=False,
    ),
    **{
        f"triplet {mining}": Case(
            triplet,
            {"margin": 0.4, "mining": mining},
            P(naive.triplet, margin=0.4, mining=mining),
            proxies=False,
        )
        for mining in ("hard", "semihard", "all")
    },
    "n_pair": Case(n_pair, {"scale": 5.0}, P(naive.n_pair, scale=5.0), proxies=False, order_matters=True),
    "multi_similarity": Case(
        multi_similarity,
        {"alpha": 3.0, "beta": 9.0, "base": 0.2, "epsilon": 0.3},
        P(naive.multi_similarity, alpha=3.0, beta=9.0, base=0.2, epsilon=0.3),
        proxies=False,
    ),
    "multi_similarity without mining": Case(
        multi_similarity,
        {"alpha": 3.0, "beta": 9.0, "base": 0.2, "epsilon": None},
        P(naive.multi_similarity, alpha=3.0, beta=9.0, base=0.2, epsilon=None),
        proxies=False,
    ),
    "contrastive": Case(
        contrastive,
        {"pos_margin": 0.3, "neg_margin": 1.2},
        P(naive.contrastive, pos_margin=0.3, neg_margin=1.2),
        proxies=False,
    ),
    "smooth_ap": Case(
        smooth_ap, {"tau": 0.2}, P(naive.average_precision, tau=0.2, surrogate="sigmoid"), proxies=False
    ),
    "sup_ap": Case(sup_ap, SMOOTH, P(naive.average_precision, **SMOOTH), proxies=False),
    **{
        f"roadmap, {name}": Case(
            roadmap,
            {**SMOOTH, "share": 0.3, "alpha": 0.8, "beta": -0.1, "violating": violating},
            P(naive.roadmap, share=0.3, alpha=0.8, beta=-0.1, violating=violating, **SMOOTH),
            proxies=False,
        )
        for name, violating in (("all pairs", False), ("violating pairs", True))
    },
}
every = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def batch(seed: int = 0, dtype: torch.dtype = torch.float64, size: int = len(Y)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(size, DIM, generator=generator, dtype=torch.float64), dim=1).to(dtype)


def made(case: Case, classes: int = CLASSES, seed: int = 0, **settings: Any) -> nn.Module:
    torch.manual_seed(seed)
    return case.maker(classes, DIM, **{**case.settings, **settings}).double()


def proxies_of(loss: nn.Module) -> Tensor:
    """Proxies as rows, the proxies of one class side by side, wherever the loss keeps them."""
    ((name, value),) = loss.named_parameters()
    return value.detach() if name.endswith("proxies") else value.detach().T


@every
@pytest.mark.parametrize("seed", range(4))
def test_it_is_its_formula(case: Case, seed: int) -> None:
    x, loss = batch(seed), made(case, seed=seed)
    given = [x.tolist(), Y.tolist()] + ([proxies_of(loss).tolist()] if case.proxies else [])
    assert loss(x, Y).item() == pytest.approx(case.expected(*given), rel=1e-8, abs=1e-8)
    assert bool(list(loss.parameters())) == case.proxies


@every
def test_gradients(case: Case) -> None:
    loss, x = made(case), batch(1).requires_grad_()
    if case.gradcheck:
        assert torch.autograd.gradcheck(lambda x: loss(x, Y), x)
    else:
        (grad,) = torch.autograd.grad(loss(x, Y), x)
        assert grad.isfinite().all()
        assert grad.abs().sum() > 0


def test_the_circle_loss_descends_along_its_weighted_similarities() -> None:
    # With the weights as numbers the exponent is linear in the similarities: its slopes are known.
    loss, x = made(CASES["circle"]), batch(1)[:1].requires_grad_()
    w = normalize(loss.proxies.detach(), dim=1)  # type: ignore[arg-type]
    loss(x, Y[:1]).backward()
    s = (w @ x[0].detach()).tolist()
    far = [8.0 * max(0, v + 0.3) * (v - 0.3) for v in s[1:]]
    logit = naive.log_sum(far) - 8.0 * (1.3 - s[0]) * (s[0] - 0.7)
    outer = 1 / (1 + torch.tensor(-logit, dtype=torch.float64).exp())
    slopes = [-8.0 * (1.3 - s[0])]
    slopes += [
        8.0 * max(0, v + 0.3) * torch.tensor(f - naive.log_sum(far)).exp().item() for v, f in zip(s[1:], far)
    ]
    expected = outer * torch.tensor(slopes, dtype=torch.float64) @ w
    assert x.grad is not None
    torch.testing.assert_close(x.grad[0], expected, rtol=1e-6, atol=1e-8)


@every
def test_the_order_of_the_batch_does_not_matter(case: Case) -> None:
    loss, x = made(case), batch(2)
    order = torch.tensor([7, 3, 1, 0, 6, 2, 5, 4])
    if case.order_matters:  # only the order within a class
        order = Y.argsort(stable=True, descending=True)
    torch.testing.assert_close(loss(x[order], Y[order]), loss(x, Y), rtol=1e-10, atol=1e-10)


@every
def test_the_names_of_classes_do_not_matter(case: Case) -> None:
    loss, other, x = made(case), made(case, seed=1), batch(3)
    rename = torch.tensor([2, 0, 3, 1])  # old class c is new class rename[c]
    for old, new in zip(loss.parameters(), other.parameters()):
        rows = old.detach() if old.shape[1] == DIM else old.detach().T
        moved = rows.view(CLASSES, -1, DIM)[rename.argsort()].reshape(-1, DIM)
        new.data = moved if old.shape[1] == DIM else moved.T.contiguous()
    torch.testing.assert_close(other(x, rename[Y]), loss(x, Y), rtol=1e-10, atol=1e-10)


@every
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [1, 1, 2, 2], [3]], ids=str)
@pytest.mark.parametrize("shape", ["random", "equal", "opposite", "on proxies"])
@pytest.mark.parametrize("extreme", [False, True])
def test_values_and_gradients_are_finite(case: Case, labels: list[int], shape: str, extreme: bool) -> None:
    settings: dict[str, Any] = {}
    if extreme and "scale" in case.settings:
        settings["scale"] = 1e4
    if extreme and "tau" in case.settings:
        settings["tau"] = 1e-7
    if extreme and "share" in case.settings:
        settings |= {"alpha": 30.0, "beta": -30.0}
    if extreme and "merging" in case.settings:
        settings["merging"] = 1e4
    if extreme and "margin" in case.settings:
        settings["margin"] = 179.0 if case.maker is arcface else 3.0
    loss, y = made(case, **settings).float(), torch.tensor(labels)
    x = batch(4, torch.float32, len(labels))
    if shape == "equal":
        x = x[:1].expand_as(x).clone()
    elif shape == "opposite":
        x = torch.cat([x[:1], -x[:1]]).repeat(2, 1)[: len(x)]
    elif shape == "on proxies" and case.proxies:
        w = normalize(proxies_of(loss).view(CLASSES, -1, DIM)[:, 0], dim=1)
        x = w[y] * torch.tensor([1.0, -1.0]).repeat(2)[: len(x), None]
    x.requires_grad_()
    value = loss(x, y)
    value.backward()
    assert value.isfinite()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    for parameter in loss.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@every
def test_one_class_alone(case: Case) -> None:
    loss, x = made(case, classes=1), batch(5).requires_grad_()
    value = loss(x, torch.zeros_like(Y))
    value.backward()
    assert value.isfinite()
    assert x.grad is not None
    assert x.grad.isfinite().all()


@every
@pytest.mark.parametrize("scales", [1, 5])
def test_at_one_scale_and_at_five(case: Case, scales: int) -> None:
    fine = torch.arange(16)
    lineage = torch.stack([fine // 2**m for m in range(scales)], dim=1)
    taxonomy = Taxonomy.from_labels(lineage, [f"scale{m}" for m in range(scales)])
    path = f"dyml.losses.{case.maker.__name__}"
    loss = MultiScale(taxonomy, DIM, loss=path, args=case.settings).double()
    labels = lineage[torch.tensor([0, 0, 1, 3, 9, 9, 15, 3])]
    x = batch(6)
    singles = [one(x, labels[:, m]) for m, one in enumerate(loss.losses)]
    torch.testing.assert_close(loss(x, labels), torch.stack(singles).mean())


def test_a_mining_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="mining must be one of hard, semihard, all; got 'easy'"):
        triplet(3, 8, mining="easy")  # type: ignore[arg-type]


@pytest.mark.parametrize(("maker", "scale"), [(n_pair, 0.0), (circle, -1.0), (circle, float("nan"))])
def test_scales_that_are_refused(maker: Callable[..., nn.Module], scale: float) -> None:
    with pytest.raises(InputError, match="scale must be a positive number"):
        maker(3, 8, scale=scale)


@pytest.mark.parametrize("options", [{"merging": -0.1}, {"merging": 0.2, "centers": 1}])
def test_mergings_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="merging must not be negative, and needs 2 centers or more"):
        soft_triple(3, 8, **options)


def test_merging_pulls_the_proxies_of_a_class_together() -> None:
    loss, x = made(CASES["soft_triple with merging"]), batch(1)
    optimiser = torch.optim.SGD(loss.parameters(), lr=2.0)

    def spread() -> float:
        w = normalize(proxies_of(loss).view(CLASSES, 3, DIM), dim=2)
        return float((1 - w @ w.mT)[3].mean())  # class 3 has no picture: nothing else pulls its proxies

    before = spread()
    for _ in range(20):
        optimiser.zero_grad()
        loss(x, Y).backward()
        optimiser.step()
    assert spread() < 0.5 * before
    with torch.no_grad():
        next(loss.parameters()).copy_(torch.ones(DIM, 12))  # all proxies equal
    loss(x, Y).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in loss.parameters())


@pytest.mark.parametrize("options", [{"share": 1.5}, {"share": -0.1}, {"share": float("nan")}])
def test_shares_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="share must lie between 0 and 1"):
        roadmap(3, 8, **options)


def test_the_calibration_is_the_contrastive_loss_of_the_authors_program() -> None:
    from pytorch_metric_learning import distances, losses

    x = batch(2).requires_grad_()
    theirs = losses.ContrastiveLoss(0.9, 0.6, distance=distances.DotProductSimilarity())
    ours = roadmap(CLASSES, DIM, share=1.0, violating=True)
    torch.testing.assert_close(ours(x, Y), theirs(x, Y))
    grads = [torch.autograd.grad(loss(normalize(x, dim=1), Y), x)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*grads)


@pytest.mark.parametrize("maker", [smooth_ap, sup_ap, roadmap])
def test_temperatures_that_are_refused(maker: Callable[..., nn.Module]) -> None:
    with pytest.raises(InputError, match="tau must be positive"):
        maker(3, 8, tau=0.0)


# Miners, reducers and other losses of pytorch-metric-learning

MINER = {"type": "pytorch_metric_learning.miners.PairMarginMiner", "pos_margin": 0.5, "neg_margin": 0.9}


def test_a_miner_chooses_the_pairs() -> None:
    x = batch(7)
    whole = contrastive(CLASSES, DIM, neg_margin=1.2)(x, Y)
    mined = contrastive(CLASSES, DIM, neg_margin=1.2, miner=MINER)
    kept_near, kept_far = [], []
    for a in range(len(Y)):
        positives, negatives = naive.pairs_of(x.tolist(), Y.tolist(), a)
        kept_near += [d for p in positives if (d := naive.distance(x[a].tolist(), x[p].tolist())) > 0.5]
        kept_far += [1.2 - d for n in negatives if (d := naive.distance(x[a].tolist(), x[n].tolist())) < 0.9]
    assert mined(x, Y).item() == pytest.approx(naive.mean(kept_near) + naive.mean(kept_far), rel=1e-8)
    assert mined(x, Y) != whole


def test_a_miner_weights_the_samples_of_a_loss_with_proxies() -> None:
    x = batch(7)
    miner = {"type": "pytorch_metric_learning.miners.BatchHardMiner"}
    torch.manual_seed(0)
    mined = cosface(CLASSES, DIM, miner=miner).double()
    torch.manual_seed(0)
    assert mined(x, Y) != cosface(CLASSES, DIM).double()(x, Y)


def test_a_reducer_says_how_losses_are_added() -> None:
    x, loss = batch(8), made(CASES["cosface"])
    reducer = {"type": "pytorch_metric_learning.reducers.SumReducer"}
    summed = made(CASES["cosface"], reducer=reducer)
    torch.testing.assert_close(summed(x, Y), len(Y) * loss(x, Y))


def test_objects_do_as_well_as_mappings() -> None:
    from pytorch_metric_learning.miners import PairMarginMiner

    x = batch(9)
    by_object = contrastive(CLASSES, DIM, miner=PairMarginMiner(0.5, 0.9))
    assert torch.equal(by_object(x, Y), contrastive(CLASSES, DIM, miner=MINER)(x, Y))


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("SupConLoss", {"temperature": 0.2}),
        ("MultiSimilarityLoss", {"alpha": 3.0}),
        ("ProxyNCALoss", {}),
        ("SubCenterArcFaceLoss", {"sub_centers": 2}),
        ("NTXentLoss", {}),
        ("ContrastiveLoss", {"miner": MINER}),
        ("TripletMarginLoss", {"distance": {"type": "pytorch_metric_learning.distances.CosineSimilarity"}}),
        ("CrossBatchMemory", {"loss": {"type": "pytorch_metric_learning.losses.ContrastiveLoss"}}),
    ],
)
@pytest.mark.parametrize("by_path", [True, False])
def test_any_loss_of_the_library(name: str, args: dict[str, Any], by_path: bool) -> None:
    import pytorch_metric_learning.losses as library

    taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("fine", "coarse"))
    given = f"pytorch_metric_learning.losses.{name}" if by_path else getattr(library, name)
    loss = MultiScale(taxonomy, DIM, loss=given, args=args)
    labels = torch.tensor([[0, 0], [0, 0], [1, 0], [1, 0], [2, 1], [2, 1]])
    x = batch(1, torch.float32, 6).requires_grad_()
    value = loss(x, labels)
    value.backward()
    assert value.isfinite()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_a_loss_that_mines_is_given_the_miner() -> None:
    memory = metric_learning(
        4,
        DIM,
        "pytorch_metric_learning.losses.CrossBatchMemory",
        {"loss": {"type": "pytorch_metric_learning.losses.ContrastiveLoss"}, "memory_size": 32},
        MINER,
    )
    assert memory.miner.pos_margin == 0.5
    first, second = memory(batch(0), Y), memory(batch(1), Y)  # the second sees the first's pictures, too
    assert first.isfinite()
    assert second.isfinite()
    assert memory.queue_idx == 16


def test_classes_and_length_are_filled_in_by_name() -> None:
    # Its first two arguments are alpha and beta: what is given by place would land there.
    loss = metric_learning(7, DIM, "pytorch_metric_learning.losses.MultiSimilarityLoss")
    assert (loss.alpha, loss.beta) == (2, 50)
    anchors = metric_learning(7, DIM, "pytorch_metric_learning.losses.ProxyAnchorLoss", {"alpha": 3})
    assert [tuple(p.shape) for p in anchors.parameters()] == [(7, DIM)]


@pytest.mark.parametrize(
    ("loss", "args", "text"),
    [
        ("CosFaceLoss", {"marign": 1}, "loss: CosFaceLoss has no option 'marign'. Did you mean 'margin'"),
        ("CosFaceLoss", {"reducer": {"type": "x.Y"}}, "'x.Y' cannot be imported"),
        (
            "ContrastiveLoss",
            {"miner": {"type": "pytorch_metric_learning.miners.PairMarginMiner", "pos_margn": 1}},
            "miner: PairMarginMiner has no option 'pos_margn'. Did you mean 'pos_margin'",
        ),
        ("ContrastiveLoss", {"mat_based_loss": True}, "loss: ContrastiveLoss cannot be made: "),
        ("CosFaceLos", {}, "pytorch_metric_learning.losses has no 'CosFaceLos'. Did you mean 'CosFaceLoss'"),
    ],
)
def test_options_that_are_refused(loss: str, args: dict[str, Any], text: str) -> None:
    taxonomy = Taxonomy.from_labels([[0], [1]], ("fine",))
    with pytest.raises(ConfigError, match=text):
        MultiScale(taxonomy, DIM, loss=f"pytorch_metric_learning.losses.{loss}", args=args)


def test_options_of_a_class_come_from_its_bases_too() -> None:
    from pytorch_metric_learning.losses import CosFaceLoss

    assert {"margin", "scale", "num_classes", "embedding_size", "reducer", "distance"} <= {
        *option_names(CosFaceLoss)
    }
    assert option_names(cosface) == ["num_classes", "dim", "margin", "scale", "miner", "reducer"]
