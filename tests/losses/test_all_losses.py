"""What holds for every loss over several scales: symmetries, gradients, precision, extremes, trees, state."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import (
    CrossScaleLoss,
    HierarchicalAPLoss,
    MultiScale,
    SampledCrossScaleLoss,
    ScaleAggregationLoss,
    ScaleContrastLoss,
    ShardedCrossScaleLoss,
    SumLoss,
    TiedProxyLoss,
    circle,
    roadmap,
)
from dyml.taxonomy import Taxonomy

Maker = Callable[..., nn.Module]
DIM = 30  # a multiple of 1, 3 and 5 scales


def with_margins(kind: Maker, taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    margins = [(5.0 if extreme else 0.1) * (m + 1) for m in range(taxonomy.num_scales)]
    return kind(taxonomy, dim, margins=margins, scale=1e4 if extreme else 16.0)


def happier(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    options: dict[str, Any] = {"tau": 1e-7, "rho": 1e6} if extreme else {"tau": 0.2, "rho": 5.0}
    return HierarchicalAPLoss(taxonomy, dim, cluster=0.5, temperature=1e-4 if extreme else 0.1, **options)


def aggregation(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    return ScaleAggregationLoss(taxonomy, dim, scale=1e5 if extreme else 20.0, margin=9.0 if extreme else 0.1)


def one_proxy(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    return ScaleAggregationLoss(taxonomy, dim, proxies=1, sharpness=1e4 if extreme else 10.0)


def sharded(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    loss = with_margins(ShardedCrossScaleLoss, taxonomy, dim, extreme)
    loss.spread()  # type: ignore[operator]  # one process, which holds all
    return loss


def ranked(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    options = {"tau": 1e-7, "rho": 1e6, "alpha": 30.0} if extreme else {"tau": 0.2, "rho": 5.0}
    return MultiScale(taxonomy, dim, loss=roadmap, args={"share": 0.4, **options})


def multi(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    return MultiScale(taxonomy, dim, loss=circle, args={"scale": 1e4 if extreme else 16.0})


def contrast(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    return with_margins(
        functools.partial(ScaleContrastLoss, proxy_scale=1e4 if extreme else 16.0), taxonomy, dim, extreme
    )


def summed(taxonomy: Taxonomy, dim: int, extreme: bool = False) -> nn.Module:
    margins = [0.2] * taxonomy.num_scales
    scale = 1e4 if extreme else 16.0
    terms = [
        {"type": CrossScaleLoss, "margins": margins, "scale": scale},
        {"type": MultiScale, "weight": 0.5, "args": {"scale": scale}},
    ]
    return SumLoss(taxonomy, dim, terms)


MAKERS: dict[str, Maker] = {
    "cross-scale": functools.partial(with_margins, CrossScaleLoss),
    "cross-scale, streamed": functools.partial(
        with_margins, functools.partial(CrossScaleLoss, recompute=True)
    ),
    "sampled": functools.partial(with_margins, functools.partial(SampledCrossScaleLoss, share=1.0)),
    "sharded": sharded,
    "tied": functools.partial(with_margins, TiedProxyLoss),
    "hierarchical": happier,
    "roadmap": ranked,
    "aggregation": aggregation,
    "aggregation, one proxy": one_proxy,
    "contrast": contrast,
    "multi-scale": multi,
    "sum": summed,
}
every = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
# Their backward is written by hand; all others may be differentiated any number of times.
ONCE = ("cross-scale", "cross-scale, streamed", "sampled", "sharded", "hierarchical", "roadmap", "sum")

TREES = {
    "three scales": [[0, 7, 2], [1, 3, 0], [2, 7, 2], [3, 5, 2], [4, 3, 0], [5, 4, 0]],
    "one scale": [[0], [1], [2], [3]],
    "five scales": [[f, f // 2, f // 4, f // 8, f // 16] for f in range(17)],
    "one class": [[0, 0, 0]],
    "one coarse class": [[0, 0, 3], [1, 1, 3], [2, 1, 3]],
}


def tree(name: str = "three scales") -> Taxonomy:
    table = TREES[name]
    return Taxonomy.from_labels(table, [f"scale{m}" for m in range(len(table[0]))])


def batch(taxonomy: Taxonomy, size: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = normalize(torch.randn(size, DIM, generator=generator, dtype=torch.float64), dim=1)
    rows = torch.randint(taxonomy.num_fine, (size,), generator=generator)
    return x.requires_grad_(), torch.from_numpy(taxonomy.lineage.copy())[rows]


def made(make: Maker, taxonomy: Taxonomy, seed: int = 0, extreme: bool = False) -> nn.Module:
    torch.manual_seed(seed)
    return make(taxonomy, DIM, extreme=extreme).double()


def gradients(loss: nn.Module, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    value = loss(x, labels)
    return value.detach(), torch.autograd.grad(value, x)[0]


@every
def test_the_order_of_the_batch_does_not_matter(make: Maker) -> None:
    loss, (x, labels) = made(make, tree()), batch(tree())
    order = torch.tensor([3, 0, 7, 5, 1, 4, 2, 6])
    value, grad = gradients(loss, x, labels)
    moved, moved_grad = gradients(loss, x.detach()[order].requires_grad_(), labels[order])
    torch.testing.assert_close(moved, value)
    torch.testing.assert_close(moved_grad, grad[order])


@every
def test_the_names_of_classes_do_not_matter(make: Maker) -> None:
    taxonomy = tree()
    x, labels = batch(taxonomy)
    lineage = torch.from_numpy(taxonomy.lineage.copy())
    order = torch.tensor([4, 2, 0, 5, 1, 3])  # new fine class i is old class order[i]
    renamed = lineage[order]
    renamed[:, 0] = torch.arange(6)
    renamed[:, 1:] = 100 - renamed[:, 1:]  # coarser classes come in the opposite order
    loss = made(make, taxonomy)
    other = made(make, Taxonomy.from_labels(renamed, taxonomy.scales), seed=1)
    for name, old in loss.state_dict().items():
        axis = 1 if name.endswith("W") else 0  # cosface holds its proxies as columns
        classes = old.shape[axis]
        rows = order if classes == 6 else torch.arange(classes - 1, -1, -1)
        other.state_dict()[name].copy_(old.index_select(axis, rows))
    for a, b in zip(gradients(other, x, renamed[order.argsort()[labels[:, 0]]]), gradients(loss, x, labels)):
        torch.testing.assert_close(a, b)


@every
@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("shape", ["random", "equal", "opposite", "alone"])
@pytest.mark.parametrize("extreme", [False, True])
def test_values_and_gradients_are_finite(make: Maker, name: str, shape: str, extreme: bool) -> None:
    taxonomy = tree(name)
    loss = made(make, taxonomy, extreme=extreme).float()
    x, labels = batch(taxonomy)
    x = x.detach().float()
    if shape == "equal":
        x = x[:1].expand_as(x).clone()
    elif shape == "opposite":
        x[1::2] = -x[0]
        x[::2] = x[0]
    elif shape == "alone":
        x, labels = x[:1], labels[:1]
    x.requires_grad_()
    value = loss(x, labels)
    value.backward()
    assert value.shape == ()
    assert value.isfinite()
    assert value >= -1e-6
    assert x.grad is not None
    assert x.grad.isfinite().all()
    for parameter in loss.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()


@every
@pytest.mark.parametrize(("dtype", "bits"), [(torch.float16, 11), (torch.bfloat16, 8)])
def test_half_precision_is_computed_in_float32(make: Maker, dtype: torch.dtype, bits: int) -> None:
    loss, (x, labels) = made(make, tree()).float(), batch(tree())
    half = x.detach().to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(half, labels)
    value.backward()
    single = half.detach().float().requires_grad_()
    same = loss(single, labels)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, same, rtol=1e-6, atol=1e-6)
    assert half.grad is not None
    (expected,) = torch.autograd.grad(same, single)
    slack = 2.0 ** -(bits - 1)  # one rounding of the gradient to half precision
    assert (half.grad.float() - expected).abs().max() <= slack * expected.abs().max()


@every
def test_state_goes_round(make: Maker) -> None:
    taxonomy = tree()
    x, labels = batch(taxonomy)
    loss, other = made(make, taxonomy), made(make, taxonomy, seed=1)
    assert (loss(x, labels) != other(x, labels)) == bool(loss.state_dict())
    other.load_state_dict(loss.state_dict())
    assert loss(x, labels) == other(x, labels)


@every
def test_descent_lowers_it(make: Maker) -> None:
    taxonomy = tree()
    loss, (x, labels) = made(make, taxonomy), batch(taxonomy)
    optimiser = torch.optim.Adam([x, *loss.parameters()], lr=0.02)
    before = loss(normalize(x, dim=1), labels).item()
    for _ in range(40):
        optimiser.zero_grad()
        loss(normalize(x, dim=1), labels).backward()
        optimiser.step()
    assert loss(normalize(x, dim=1), labels).item() < 0.7 * before


@every
def test_batches_that_do_not_fit_are_refused(make: Maker) -> None:
    loss, (x, labels) = made(make, tree()), batch(tree())
    for embeddings, wrong in ((x[:, 1:], labels), (x, labels[:, 1:]), (x, labels + 1), (x, labels.int())):
        with pytest.raises(InputError):
            loss(embeddings, wrong)


def short(make: Maker, taxonomy: Taxonomy, dim: int) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """The loss as a function of embeddings and all its parameters, and three pictures, two of a class."""
    torch.manual_seed(0)
    loss = make(taxonomy, dim).double()
    x = normalize(torch.randn(3, dim, dtype=torch.float64), dim=1).requires_grad_()
    labels = torch.from_numpy(taxonomy.lineage.copy())[[0, 1, 0]]
    names = [name for name, _ in loss.named_parameters()]

    def value(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(loss, dict(zip(names, parameters)), (x, labels))

    return value, (x, *loss.parameters())


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "multi-scale"])
@pytest.mark.parametrize("shape", ["three scales", "one scale"])
def test_gradients_are_those_of_differences(name: str, shape: str) -> None:
    # Not those of the circle loss: its weights are constant in the gradient, by its definition.
    taxonomy = tree(shape)
    assert torch.autograd.gradcheck(*short(MAKERS[name], taxonomy, 2 * taxonomy.num_scales))


@pytest.mark.parametrize("name", ONCE)
def test_gradients_of_gradients_are_refused(name: str) -> None:
    loss, (x, labels) = made(MAKERS[name], tree()), batch(tree())
    with pytest.raises(InputError, match=r"no gradients of gradients \(create_graph=True\)"):
        torch.autograd.grad(loss(x, labels), x, create_graph=True)


@pytest.mark.parametrize("name", ["tied", "contrast", "aggregation", "aggregation, one proxy"])
def test_gradients_of_gradients(name: str) -> None:
    assert set(MAKERS) == {*ONCE, "tied", "contrast", "aggregation", "aggregation, one proxy", "multi-scale"}
    assert torch.autograd.gradgradcheck(*short(MAKERS[name], tree("one scale"), 2))


@every
def test_equal_inputs_give_equal_bits(make: Maker) -> None:
    taxonomy = tree("five scales")
    loss, (x, labels) = made(make, taxonomy).float(), batch(taxonomy, size=32)
    x = x.detach().float().requires_grad_()
    seen = []
    torch.use_deterministic_algorithms(True)  # raises where an operation could give other bits
    try:
        for _ in range(3):
            torch.manual_seed(0)
            value = loss(x, labels)
            grads = torch.autograd.grad(value, [x, *loss.parameters()])
            seen.append(torch.cat([value.detach().view(1), *(grad.flatten() for grad in grads)]))
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])
