"""Tied proxies: against loops, gradients, and coarse proxies that follow the fine ones."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import TiedProxyLoss, tied_proxy_terms
from dyml.losses._bands import class_parents
from dyml.losses.tied_proxies import tied_proxies
from dyml.taxonomy import Taxonomy
from random_trees import lineages


def naive_terms(
    x: np.ndarray, own: list[int], w: np.ndarray, lineage: np.ndarray, margins: list[float], scale: float
) -> np.ndarray:
    """Return -log softmax with the own margin, (L, B), by loops."""
    unit = [row / math.sqrt(sum(row * row)) for row in w]
    terms = np.zeros((lineage.shape[1], len(x)))
    for m in range(lineage.shape[1]):
        for b, fine in enumerate(own):
            exponents, target = [], 0.0
            for c in sorted(set(lineage[:, m].tolist())):
                proxy = sum(unit[f] for f in range(len(w)) if lineage[f, m] == c)
                cosine = float(x[b] @ proxy) / math.sqrt(float(proxy @ proxy))
                if c == lineage[fine, m]:
                    target = scale * (cosine - margins[m])
                    exponents.append(target)
                else:
                    exponents.append(scale * cosine)
            top = max(exponents)
            terms[m, b] = top + math.log(sum(math.exp(e - top) for e in exponents)) - target
    return terms


def drawn(lineage: np.ndarray, seed: int, batch: int = 4, dim: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = normalize(torch.randn(batch, dim, generator=generator, dtype=torch.float64), dim=1)
    w = 3 * torch.randn(len(lineage), dim, generator=generator, dtype=torch.float64)
    return x, torch.randint(len(lineage), (batch,), generator=generator), w


@settings(max_examples=50, deadline=None)
@given(lineages(max_fine=8), st.integers(0, 10**6), st.sampled_from([0.5, 16.0, 64.0]))
def test_it_is_its_formula(lineage: np.ndarray, seed: int, scale: float) -> None:
    x, own, w = drawn(lineage, seed)
    margins = [0.1 * (m + 1) for m in range(lineage.shape[1])]
    parents = class_parents(torch.from_numpy(lineage))
    expected = naive_terms(x.numpy(), own.tolist(), w.numpy(), lineage, margins, scale)
    value = tied_proxy_terms(x, own, w, parents, margins, scale)
    np.testing.assert_allclose(value.numpy(), expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=10, deadline=None)
@given(lineages(max_fine=5), st.integers(0, 99))
def test_gradients(lineage: np.ndarray, seed: int) -> None:
    x, own, w = drawn(lineage, seed, batch=3)
    margins = [0.1] * lineage.shape[1]
    parents = class_parents(torch.from_numpy(lineage))
    assert torch.autograd.gradcheck(
        lambda x, w: tied_proxy_terms(x, own, w, parents, margins, 4.0),
        (x.requires_grad_(), w.requires_grad_()),
    )


def test_proxies_that_cancel_leave_finite_numbers() -> None:
    lineage = torch.tensor([[0, 0], [1, 0], [2, 1]])
    w = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    x = normalize(torch.randn(3, 2), dim=1)
    value = tied_proxy_terms(x, torch.arange(3), w, class_parents(lineage), (0.2, 0.3), 32.0).sum()
    value.backward()
    assert value.isfinite()
    assert w.grad is not None
    assert w.grad.isfinite().all()


def test_one_fine_class_below_a_coarse_one_shares_its_proxy() -> None:
    lineage = torch.tensor([[0, 5], [1, 5], [2, 9]])
    fine, coarse = tied_proxies(torch.randn(3, 4), class_parents(lineage))
    torch.testing.assert_close(coarse[1], fine[2])
    torch.testing.assert_close(coarse[0], normalize(fine[0] + fine[1], dim=0))


def test_weights_and_state() -> None:
    taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("fine", "coarse"))
    loss = TiedProxyLoss(taxonomy, 4, margins=(0.1, 0.2), weights=(1, 3)).double()
    assert set(loss.state_dict()) == {"proxies"}
    x = normalize(torch.randn(3, 4, dtype=torch.float64), dim=1)
    labels = torch.tensor([[0, 0], [1, 0], [2, 1]])
    terms = loss.terms(x, labels).mean(1)
    torch.testing.assert_close(loss(x, labels), (terms[0] + 3 * terms[1]) / 4)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"margins": (0.1,)}, "margins must be 2 numbers, one for each of the scales fine, coarse"),
        ({"margins": (0.1, 0.2), "weights": (0, 0)}, "weights must not be negative, nor all 0"),
        ({"margins": (0.1, 0.2), "scale": 0.0}, "scale must be a positive number"),
        ({"margins": (0.1, 0.2), "dim": 0}, "dim must be 1 or more"),
    ],
)
def test_settings_that_are_refused(options: dict[str, Any], text: str) -> None:
    taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("fine", "coarse"))
    with pytest.raises(InputError, match=text):
        TiedProxyLoss(taxonomy, **{"dim": 4, **options})
