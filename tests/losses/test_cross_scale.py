"""Cross-Scale Learning: expected values, symmetries, precision, and the module around it."""

import copy
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import CrossScaleLoss, cross_scale_terms, cross_scale_terms_reference
from dyml.taxonomy import Taxonomy

SCALES = ("fine", "middle", "coarse")
LINEAGE = np.array([[0, 7, 2], [1, 3, 0], [2, 7, 2], [3, 5, 2], [4, 3, 0], [5, 4, 0]])
MARGINS = (0.25, 0.35, 0.45)


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LINEAGE, SCALES)


@pytest.fixture
def loss(taxonomy: Taxonomy) -> CrossScaleLoss:
    torch.manual_seed(0)
    return CrossScaleLoss(taxonomy, dim=8).double()


def batch(size: int = 6, dim: int = 8, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = normalize(torch.randn(size, dim, generator=generator, dtype=torch.float64), dim=1)
    rows = torch.randint(len(LINEAGE), (size,), generator=generator)
    return x.requires_grad_(), torch.from_numpy(LINEAGE)[rows]


def gradients(loss: CrossScaleLoss, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    value = loss(x, labels)
    return value.detach(), *torch.autograd.grad(value, (x, loss.proxies))


# Expected values


@pytest.mark.shared
@pytest.mark.parametrize("name", ["small", "deep"])
@pytest.mark.parametrize("form", ["module", "fast", "reference"])
def test_expected_values(golden: Path, name: str, form: str) -> None:
    arrays = np.load(golden / f"{name}.npz")
    expected = json.loads((golden / f"{name}.json").read_text())["csl"]
    x, w = (torch.from_numpy(arrays[key]).double() for key in ("batch_embeddings", "proxies"))
    lineage, labels = (torch.from_numpy(arrays[key]) for key in ("label_table", "batch_labels"))
    margins, scale = tuple(expected["margins_fine_middle_coarse"]), expected["scale"]
    x.requires_grad_()
    if form == "module":
        module = CrossScaleLoss(Taxonomy.from_labels(lineage, SCALES), w.shape[1], margins, scale).double()
        module.load_state_dict({"proxies": w})
        w = module.proxies
        terms, total = module.terms(x, labels), module(x, labels)
    else:
        w.requires_grad_()
        function = cross_scale_terms if form == "fast" else cross_scale_terms_reference
        terms = function(x, labels[:, 0], w, lineage, margins, scale)
        total = terms.sum(0).mean()
    grad_x, grad_w = torch.autograd.grad(total, (x, w))
    assert terms.mean(1).tolist() == pytest.approx(
        expected["per_scale_fine_middle_coarse"], rel=1e-6, abs=1e-6
    )
    assert total.item() == pytest.approx(expected["total"], rel=1e-6, abs=1e-6)
    np.testing.assert_allclose(grad_x.numpy(), arrays["csl_grad_embeddings"], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(grad_w.numpy(), arrays["csl_grad_proxies"], rtol=1e-6, atol=1e-6)


def test_a_value_worked_out_by_hand() -> None:
    taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("fine", "coarse"))
    loss = CrossScaleLoss(taxonomy, dim=2, margins=(0.0, 0.5), scale=2.0).double()
    loss.load_state_dict({"proxies": torch.tensor([[3.0, 0.0], [0.0, 0.2], [-1.0, 0.0]])})
    # Similarities to the proxies are 1 (own), 0 and -1. Negatives: both others; then the last alone.
    fine = np.log(1 + np.exp(2 * (0 - 1)) + np.exp(2 * (-1 - 1)))
    coarse = np.log(1 + np.exp(2 * (-1 - 1 + 0.5)))
    value = loss(torch.tensor([[1.0, 0.0]], dtype=torch.float64), torch.tensor([[0, 0]]))
    assert value.item() == pytest.approx(fine + coarse, rel=1e-12)


# Symmetries


def test_the_order_of_the_batch_does_not_matter(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    value, grad_x, grad_w = gradients(loss, x, labels)
    moved = gradients(loss, x.detach()[order].requires_grad_(), labels[order])
    for a, b in zip(moved, (value, grad_x[order], grad_w)):
        torch.testing.assert_close(a, b)


def test_the_names_of_classes_do_not_matter(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    value, grad_x, grad_w = gradients(loss, x, labels)
    order = torch.tensor([4, 2, 0, 5, 1, 3])  # new fine class i is old class order[i]
    lineage = torch.from_numpy(LINEAGE)[order]
    lineage[:, 0] = torch.arange(6)
    lineage[:, 1:] = 100 - lineage[:, 1:]
    renamed = CrossScaleLoss(Taxonomy.from_labels(lineage, SCALES), dim=8).double()
    renamed.load_state_dict({"proxies": loss.proxies.detach()[order]})
    moved = gradients(renamed, x, lineage[order.argsort()[labels[:, 0]]])
    for a, b in zip(moved, (value, grad_x, grad_w[order])):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 7.0, 1e6])
def test_the_length_of_a_proxy_does_not_matter(loss: CrossScaleLoss, factor: float) -> None:
    x, labels = batch()
    value, grad_x, grad_w = gradients(loss, x, labels)
    along = (grad_w * loss.proxies).sum(1)
    torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-10, rtol=0)
    factors = torch.tensor([factor, 1, 1, 1 / factor, factor, 1], dtype=torch.float64)[:, None]
    loss.load_state_dict({"proxies": loss.proxies.detach() * factors})
    scaled = gradients(loss, x, labels)
    for a, b in zip(scaled, (value, grad_x, grad_w / factors)):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-9)


def test_a_proxy_of_zeros_gives_finite_numbers(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    with torch.no_grad():
        loss.proxies[labels[0, 0]] = 0
    assert all(value.isfinite().all() for value in gradients(loss, x, labels))


# Precision


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 0.01), (torch.bfloat16, 0.1)])
def test_half_precision_is_summed_in_float32(
    taxonomy: Taxonomy, dtype: torch.dtype, tolerance: float
) -> None:
    loss = CrossScaleLoss(taxonomy, dim=8)
    x, labels = batch()
    half = x.detach().to(dtype).requires_grad_()
    value = loss(half, labels)
    assert value.dtype == torch.float32
    value.backward()
    assert half.grad is not None
    assert half.grad.dtype == dtype
    single = half.detach().float().requires_grad_()
    same = loss(single, labels)
    assert value.item() == same.item()
    assert value.item() == pytest.approx(loss(x, labels).item(), rel=tolerance)
    torch.testing.assert_close(half.grad, torch.autograd.grad(same, single)[0].to(dtype))
    assert loss.to(dtype)(half, labels).dtype == torch.float32


def test_autocast_does_not_reach_the_sums(taxonomy: Taxonomy) -> None:
    head, loss = nn.Linear(8, 8), CrossScaleLoss(taxonomy, dim=8)
    x, labels = batch()
    with torch.autocast("cpu", torch.bfloat16):
        embeddings = head(x.detach().float())
        assert embeddings.dtype == torch.bfloat16
        value = loss(embeddings, labels)
        value.backward()
    assert value.dtype == torch.float32
    assert value.item() == loss(embeddings.detach().float(), labels).item()
    assert loss.proxies.grad is not None
    assert loss.proxies.grad.dtype == torch.float32
    assert head.weight.grad is not None
    assert head.weight.grad.isfinite().all()


def test_nan_is_not_hidden(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    with torch.no_grad():
        x[2, 3] = torch.nan
    assert loss(x, labels).isnan()


# Backward


def test_a_second_backward_gives_the_same_gradients(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    value = loss(x, labels)
    first = torch.autograd.grad(value, (x, loss.proxies), retain_graph=True)
    second = torch.autograd.grad(value, (x, loss.proxies))
    for a, b in zip(first, second):
        assert torch.equal(a, b)


def test_gradients_of_gradients_are_refused(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    with pytest.raises(InputError, match=r"no gradients of gradients .*cross_scale_terms_reference"):
        torch.autograd.grad(loss(x, labels), x, create_graph=True)
    reference = cross_scale_terms_reference(
        x, labels[:, 0], loss.proxies, torch.from_numpy(LINEAGE), MARGINS, 32.0
    )
    (grad_x,) = torch.autograd.grad(reference.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(grad_x.square().sum(), x)
    assert second.isfinite().all()
    assert second.abs().sum() > 0


def test_either_input_may_be_frozen(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    _, grad_x, grad_w = gradients(loss, x, labels)
    loss(x.detach(), labels).backward()
    assert loss.proxies.grad is not None
    assert torch.equal(loss.proxies.grad, grad_w)
    loss.proxies.requires_grad_(False)
    loss(x, labels).backward()
    assert x.grad is not None
    assert torch.equal(x.grad, grad_x)


def test_terms_can_be_weighted_one_by_one(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    own, lineage = labels[:, 0], torch.from_numpy(LINEAGE)
    weights = torch.rand(3, len(x), dtype=torch.float64, generator=torch.Generator().manual_seed(3)) - 0.5
    reference = cross_scale_terms_reference(x, own, loss.proxies, lineage, MARGINS, 32.0)
    fast = torch.autograd.grad((loss.terms(x, labels) * weights).sum(), (x, loss.proxies))
    for a, b in zip(fast, torch.autograd.grad((reference * weights).sum(), (x, loss.proxies))):
        torch.testing.assert_close(a, b)


def test_descent_pulls_a_batch_to_its_proxies(loss: CrossScaleLoss) -> None:
    x, labels = batch()
    optimiser = torch.optim.SGD([x, loss.proxies], lr=0.05)
    before = loss(x, labels).item()
    for _ in range(50):
        optimiser.zero_grad()
        loss(normalize(x, dim=1), labels).backward()
        optimiser.step()
    assert loss(normalize(x, dim=1), labels).item() < 0.3 * before


# The module


def test_the_state_is_the_proxies_alone(loss: CrossScaleLoss, taxonomy: Taxonomy) -> None:
    assert set(loss.state_dict()) == {"proxies"}
    stream = io.BytesIO()
    torch.save(loss.state_dict(), stream)
    stream.seek(0)
    other = CrossScaleLoss(taxonomy, dim=8).double()
    x, labels = batch()
    assert other(x, labels) != loss(x, labels)
    other.load_state_dict(torch.load(stream, weights_only=True))
    assert other(x, labels) == loss(x, labels) == copy.deepcopy(loss)(x, labels)


def test_weights_of_another_number_of_classes_do_not_load(loss: CrossScaleLoss) -> None:
    other = CrossScaleLoss(Taxonomy.from_labels(LINEAGE[:5], SCALES), dim=8)
    with pytest.raises(RuntimeError, match="size mismatch for proxies"):
        other.load_state_dict(loss.state_dict())


def test_proxies_start_at_about_unit_length(taxonomy: Taxonomy) -> None:
    torch.manual_seed(7)
    loss = CrossScaleLoss(taxonomy, dim=512)
    assert loss.proxies.shape == (6, 512)
    lengths = loss.proxies.norm(dim=1)
    assert ((lengths > 0.8) & (lengths < 1.2)).all()
    torch.manual_seed(7)
    assert torch.equal(CrossScaleLoss(taxonomy, dim=512).proxies, loss.proxies)


def test_repr_shows_the_settings(loss: CrossScaleLoss) -> None:
    assert "CrossScaleLoss(classes=6, dim=8, margins=(0.25, 0.35, 0.45), scale=32.0" in repr(loss)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"margins": (0.1, 0.2)},
            r"margins must be 3 numbers, one for each of the scales fine, middle, coarse; got",
        ),
        ({"margins": 0.3}, "margins must be 3 numbers.* got 0.3"),
        ({"margins": "123"}, "margins must be 3 numbers.* got '123'"),
        ({"margins": (0.1, float("nan"), 0.2)}, "margins must be 3 numbers"),
        ({"margins": (0.1, None, 0.2)}, "margins must be 3 numbers"),
        ({"scale": 0}, "scale must be a positive number; got 0"),
        ({"scale": -1.0}, "scale must be a positive number; got -1"),
        ({"scale": float("nan")}, "scale must be a positive number; got nan"),
        ({"scale": float("inf")}, "scale must be a positive number; got inf"),
        ({"dim": 0}, "dim must be 1 or more; got 0"),
    ],
)
def test_settings_that_are_refused(taxonomy: Taxonomy, settings: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        CrossScaleLoss(taxonomy, **{"dim": 8, **settings})  # type: ignore[arg-type]


def test_one_scale_needs_one_margin() -> None:
    taxonomy = Taxonomy.from_labels([[0], [1]], ("fine",))
    loss = CrossScaleLoss(taxonomy, dim=4, margins=[0.1])
    x = normalize(torch.randn(3, 4), dim=1)
    assert loss(x, torch.tensor([[0], [1], [1]])).shape == ()


def test_proxies_can_begin_in_the_shape_of_the_tree() -> None:
    lineage = [[f, f // 4, f // 8] for f in range(32)]
    taxonomy = Taxonomy.from_labels(lineage, ("fine", "middle", "coarse"))
    torch.manual_seed(0)
    loss = CrossScaleLoss(taxonomy, dim=512, start=(1.0, 2.0, 3.0))
    proxies = loss.proxies.detach()
    assert torch.allclose(proxies.norm(dim=1), torch.ones(32), atol=1e-5)
    similarities = proxies @ proxies.T
    shared = (torch.tensor(lineage)[:, None] == torch.tensor(lineage)[None]).sum(2)
    means = [similarities[shared == level].mean() for level in range(4)]
    expected = torch.tensor([0.0, 9 / 14, 13 / 14, 1.0])
    assert torch.allclose(torch.stack(means), expected, atol=0.05)
    for wrong in ((1.0, 2.0), (0.0, 1.0, 1.0)):
        with pytest.raises(InputError, match="start"):
            CrossScaleLoss(taxonomy, dim=8, start=wrong)


def test_margins_go_on_for_any_number_of_scales() -> None:
    for num_scales in (1, 2, 3, 5):
        names = tuple(f"s{m}" for m in range(num_scales))
        loss = CrossScaleLoss(
            Taxonomy.from_labels([[0] * num_scales, [1] + [0] * (num_scales - 1)], names), dim=4
        )
        assert loss.margins == pytest.approx([0.25, 0.35, 0.45, 0.55, 0.65][:num_scales])
