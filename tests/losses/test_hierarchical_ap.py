"""Hierarchical average precision as a loss: against loops, against the measure, its bounds and its memory."""

import math
from typing import Any

import pytest
import torch
from hierarchical_ap_naive import naive_precision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import HierarchicalAPLoss, MultiScale, _ranking, hierarchical_ap, smooth_ap, sup_ap
from dyml.metrics.graded import hierarchical_average_precision
from dyml.taxonomy import Taxonomy, shared_scales

LINEAGE = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 2, 1]])
LABELS = LINEAGE[torch.tensor([0, 0, 1, 2, 2, 3, 4, 4])]
SMOOTH: dict[str, Any] = {"tau": 0.2, "delta": 0.3, "rho": 4.0}


def case(seed: int, queries: int = 3, items: int = 9, scales: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    s = 2 * torch.rand(queries, items, generator=generator, dtype=torch.float64) - 1
    return s, torch.randint(-1, scales + 1, (queries, items), generator=generator)


def unit(size: int = len(LABELS), dim: int = 6, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(size, dim, generator=generator, dtype=torch.float64), dim=1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 5),
    st.sampled_from(
        [
            {},
            SMOOTH,
            {"offset": 1.44},
            {"alpha": 3.0},
            {"surrogate": "sigmoid"},
            {"surrogate": "sigmoid", "tau": 1.0},
        ]
    ),
)
def test_it_is_its_formula(seed: int, scales: int, options: dict[str, Any]) -> None:
    s, levels = case(seed, scales=scales)
    expected = [naive_precision(a, b, scales, **options) for a, b in zip(s.tolist(), levels.tolist())]
    torch.testing.assert_close(
        hierarchical_ap(s, levels, scales, **options),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-8,
        atol=1e-8,
    )


@pytest.mark.parametrize("surrogate", ["bound", "sigmoid"])
def test_gradients(surrogate: Any) -> None:
    s, levels = case(1)
    assert torch.autograd.gradcheck(
        lambda s: hierarchical_ap(s, levels, 3, surrogate=surrogate, **SMOOTH), s.requires_grad_()
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.001, 0.5), st.floats(0, 0.3))
def test_it_never_exceeds_the_measure(seed: int, tau: float, delta: float) -> None:
    s, levels = case(seed)
    levels = levels.clamp(min=0)
    levels[:, 0] = 3
    value = hierarchical_ap(s, levels, 3, tau=tau, delta=delta)
    order = s.argsort(1, descending=True)
    exact = hierarchical_average_precision(levels.gather(1, order), 3)
    assert (value <= exact + 1e-12).all()


def test_it_is_the_measure_where_the_temperature_is_nothing() -> None:
    s, levels = case(3)
    levels = levels.clamp(min=0)
    order = s.argsort(1, descending=True)
    exact = hierarchical_average_precision(levels.gather(1, order), 3)
    value = hierarchical_ap(s, levels, 3, tau=1e-6, surrogate="sigmoid")
    torch.testing.assert_close(value, exact)
    flat = hierarchical_ap(s, levels, 3, tau=1e-6, rho=0.0, delta=0.0, offset=1.0)
    torch.testing.assert_close(flat, exact)


def test_the_bound_is_continuous_where_the_line_begins() -> None:
    levels = torch.tensor([[1, 0]])
    at = [hierarchical_ap(torch.tensor([[0.0, 0.05 + e]]).double(), levels, 1) for e in (-1e-9, 1e-9)]
    torch.testing.assert_close(at[0], at[1], rtol=1e-6, atol=1e-6)


def test_pieces_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    s, levels = case(4, queries=7)
    whole = s.clone().requires_grad_()
    value = hierarchical_ap(whole, levels, 3, **SMOOTH)
    (grad,) = torch.autograd.grad(value.sum(), whole)
    monkeypatch.setattr(_ranking, "CHUNK_NUMBERS", 20)
    pieces = s.clone().requires_grad_()
    again = hierarchical_ap(pieces, levels, 3, **SMOOTH)
    assert len(list(_ranking._pairs(levels))) > 5
    torch.testing.assert_close(again, value)
    torch.testing.assert_close(torch.autograd.grad(again.sum(), pieces)[0], grad)


def test_no_table_is_larger_than_the_similarities_or_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = _ranking.precision_at_pairs

    def spy(row: Tensor, *rest: Any) -> Tensor:
        seen.append(row.numel())
        return original(row, *rest)

    monkeypatch.setattr(_ranking, "precision_at_pairs", spy)
    monkeypatch.setattr(_ranking, "CHUNK_NUMBERS", 64 * 64)
    x = unit(64)
    levels = torch.ones(64, 64, dtype=torch.int64).fill_diagonal_(-1)
    hierarchical_ap((x @ x.T).requires_grad_(), levels, 1).sum().backward()
    assert max(seen) <= 64 * 64
    assert sum(seen) == 63 * 64 * 64


def test_gradients_of_gradients_are_refused() -> None:
    s, levels = case(0)
    s.requires_grad_()
    with pytest.raises(InputError, match="no gradients of gradients"):
        torch.autograd.grad(hierarchical_ap(s, levels, 3).sum(), s, create_graph=True)


# The modules


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse"))


def test_the_module_adds_ranking_and_clustering(taxonomy: Taxonomy) -> None:
    x = unit()
    loss = HierarchicalAPLoss(taxonomy, 6, cluster=0.3, temperature=0.2, alpha=2.0, **SMOOTH).double()
    levels = shared_scales(LABELS[:, None], LABELS[None]).fill_diagonal_(-1)
    similarities = (x @ x.T).tolist()
    precisions = [naive_precision(a, b, 3, 2.0, **SMOOTH) for a, b in zip(similarities, levels.tolist())]
    assert loss.proxies is not None
    w = loss.proxies.detach()
    cluster = 0.0
    for row, label in zip(x, LABELS[:, 0]):
        logits = [float(row @ proxy / proxy.norm()) / 0.2 for proxy in w]
        cluster += math.log(sum(math.exp(v) for v in logits)) - logits[int(label)]
    expected = 0.7 * (1 - sum(precisions) / 8) + 0.3 * cluster / 8
    assert loss(x, LABELS).item() == pytest.approx(expected, rel=1e-8)


def test_a_picture_related_to_none_is_left_out(taxonomy: Taxonomy) -> None:
    loss = HierarchicalAPLoss(taxonomy, 6, cluster=0.0, **SMOOTH).double()
    assert list(loss.parameters()) == []
    labels = LINEAGE[torch.tensor([0, 0, 1, 3])]  # the last shares no scale with the others
    x = unit(4)
    levels = [[-1, 3, 2, 0], [3, -1, 2, 0], [2, 2, -1, 0]]
    kept = [naive_precision(a, b, 3, **SMOOTH) for a, b in zip((x @ x.T).tolist(), levels)]
    assert loss(x, labels).item() == pytest.approx(1 - sum(kept) / 3, rel=1e-8)
    alone = x[:1].clone().requires_grad_()
    value = loss(alone, labels[:1])
    value.backward()
    assert value == 0
    assert alone.grad is not None
    assert (alone.grad == 0).all()


@pytest.mark.parametrize(("maker", "surrogate"), [(smooth_ap, "sigmoid"), (sup_ap, "bound")])
def test_average_precision_at_every_scale(taxonomy: Taxonomy, maker: Any, surrogate: str) -> None:
    x = unit()
    loss = MultiScale(taxonomy, 6, loss=maker, args={"tau": 0.1})
    values = []
    for m in range(3):
        same = (LABELS[:, m, None] == LABELS[:, m]).long().fill_diagonal_(-1).tolist()
        rows = [
            naive_precision(a, b, 1, tau=0.1, surrogate=surrogate)
            for a, b in zip((x @ x.T).tolist(), same)
            if 1 in b
        ]
        values.append(1 - sum(rows) / len(rows))
    assert loss(x, LABELS).item() == pytest.approx(sum(values) / 3, rel=1e-8)


def test_one_scale_of_the_hierarchical_loss_is_the_single_scale_loss() -> None:
    flat = Taxonomy.from_labels(LINEAGE[:, :1], ("fine",))
    x, labels = unit(), LABELS[:, :1]
    hierarchical = HierarchicalAPLoss(flat, 6, cluster=0.0)
    torch.testing.assert_close(hierarchical(x, labels), sup_ap(5, 6)(x, labels[:, 0]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cluster": 1.5}, "cluster must lie between 0 and 1"),
        ({"temperature": 0.0}, "temperature be positive"),
        ({"alpha": -1.0}, "alpha not negative"),
        ({"tau": 0.0}, "tau must be positive, delta and rho not negative"),
        ({"rho": -1.0}, "tau must be positive, delta and rho not negative"),
        ({"surrogate": "exact"}, "surrogate must be bound or sigmoid; got 'exact'"),
    ],
)
def test_settings_that_are_refused(taxonomy: Taxonomy, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        HierarchicalAPLoss(taxonomy, 6, **options)
