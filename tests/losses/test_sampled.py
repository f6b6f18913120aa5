"""Sampled proxies: the chosen classes, the same loss over them, sparse gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import CrossScaleLoss, SampledCrossScaleLoss, cross_scale_terms_reference
from dyml.losses import sampled as module
from dyml.losses.sampled import sample_classes
from dyml.taxonomy import Taxonomy

FINE = torch.arange(40)
LINEAGE = torch.stack([FINE, FINE % 10, FINE % 2], dim=1)
MARGINS = (0.1, 0.2, 0.3)


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse"))


def batch(size: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = normalize(torch.randn(size, 8, generator=generator, dtype=torch.float64), dim=1)
    return x.requires_grad_(), LINEAGE[torch.randint(40, (size,), generator=generator)]


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 20), st.integers(0, 999))
def test_own_classes_are_always_chosen(classes: int, count: int, size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    own = torch.randint(classes, (size,), generator=generator)
    chosen = sample_classes(own, classes, count, generator)
    assert set(own.tolist()) <= set(chosen.tolist()) <= set(range(classes))
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert len(chosen) == min(classes, max(count, size))


def test_others_are_chosen_evenly() -> None:
    counts = torch.zeros(20)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2000):
        counts[sample_classes(torch.tensor([3, 3, 7]), 20, 8, generator)] += 1
    assert counts[[3, 7]].tolist() == [2000, 2000]
    others = counts[[c for c in range(20) if c not in (3, 7)]] / 2000
    assert (others - 6 / 18).abs().max() < 0.05


def test_a_share_of_one_is_the_whole_loss(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss = SampledCrossScaleLoss(taxonomy, 8, share=1.0, margins=MARGINS).double()
    whole = CrossScaleLoss(taxonomy, 8, margins=MARGINS).double()
    whole.load_state_dict(loss.state_dict())
    for a, b in zip(
        torch.autograd.grad(loss(x, labels), [x, loss.proxies]),
        torch.autograd.grad(whole(x, labels), [x, whole.proxies]),
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_the_formula_over_the_chosen(
    taxonomy: Taxonomy, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, labels = batch()
    loss = SampledCrossScaleLoss(taxonomy, 8, share=0.5, sparse=sparse, margins=MARGINS, scale=9.0).double()
    chosen = sample_classes(labels[:, 0], 40, 20)
    monkeypatch.setattr(module, "sample_classes", lambda *_: chosen)
    place = {int(c): i for i, c in enumerate(chosen)}
    own = torch.tensor([place[int(c)] for c in labels[:, 0]])
    expected = cross_scale_terms_reference(x, own, loss.proxies[chosen], LINEAGE[chosen], MARGINS, 9.0)
    torch.testing.assert_close(loss.terms(x, labels), expected, rtol=1e-8, atol=1e-8)
    grad_x, grad_w = torch.autograd.grad(loss(x, labels), [x, loss.proxies])
    assert grad_w.is_sparse == sparse
    for a, b in zip(
        (grad_x, grad_w.to_dense()), torch.autograd.grad(expected.sum(0).mean(), [x, loss.proxies])
    ):
        torch.testing.assert_close(a, b)
    untouched = [c for c in range(40) if c not in place]
    assert (grad_w.to_dense()[untouched] == 0).all()


def test_equal_seeds_give_equal_draws(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss = SampledCrossScaleLoss(taxonomy, 8, share=0.3, margins=MARGINS).double()
    values = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        values.append(loss(x, labels).item())
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize("optimiser", [torch.optim.SparseAdam, torch.optim.SGD])
def test_sparse_steps_move_the_chosen_rows_alone(taxonomy: Taxonomy, optimiser: type) -> None:
    x, labels = batch()
    loss = SampledCrossScaleLoss(taxonomy, 8, share=0.2, sparse=True, margins=MARGINS).double()
    step = optimiser(loss.parameters(), lr=0.01)
    before = loss.proxies.detach().clone()
    loss(x, labels).backward()
    step.step()
    moved = (loss.proxies.detach() != before).any(1)
    assert moved[labels[:, 0]].all()
    assert moved.sum() <= 8


@pytest.mark.parametrize("share", [0.0, -0.5, 1.1, float("nan")])
def test_shares_that_are_refused(taxonomy: Taxonomy, share: float) -> None:
    with pytest.raises(InputError, match="share must lie above 0 and be 1 at most"):
        SampledCrossScaleLoss(taxonomy, 8, share=share, margins=MARGINS)
