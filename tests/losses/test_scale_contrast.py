"""Contrast at every scale: against loops, the tree's target, samples without company, settings."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import ScaleContrastLoss, cosface, scale_contrast_terms
from dyml.taxonomy import Taxonomy
from random_trees import lineages


def naive_terms(x: np.ndarray, labels: np.ndarray, scale: float) -> np.ndarray:
    """Return -mean over positives of log softmax over the others, (L, B), by loops; 0 without positives."""
    terms = np.zeros((labels.shape[1], len(x)))
    for m in range(labels.shape[1]):
        for i in range(len(x)):
            others = [j for j in range(len(x)) if j != i]
            like = [j for j in others if labels[j, m] == labels[i, m]]
            if not like:
                continue
            exponents = [scale * float(x[i] @ x[j]) for j in others]
            top = max(exponents)
            total = top + math.log(sum(math.exp(e - top) for e in exponents))
            terms[m, i] = -sum(scale * float(x[i] @ x[p]) - total for p in like) / len(like)
    return terms


def drawn(lineage: np.ndarray, seed: int, size: int, dim: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = normalize(torch.randn(size, dim, generator=generator, dtype=torch.float64), dim=1)
    return x, torch.from_numpy(lineage.copy())[torch.randint(len(lineage), (size,), generator=generator)]


@settings(max_examples=60, deadline=None)
@given(lineages(max_fine=8), st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([0.5, 12.0, 200.0]))
def test_it_is_its_formula(lineage: np.ndarray, seed: int, size: int, scale: float) -> None:
    x, labels = drawn(lineage, seed, size)
    terms, counted = scale_contrast_terms(x, labels, scale)
    np.testing.assert_allclose(
        terms.numpy(), naive_terms(x.numpy(), labels.numpy(), scale), rtol=1e-8, atol=1e-8
    )
    company = (labels[:, None] == labels[None]).sum(1) > 1
    assert torch.equal(counted, company.T)


@settings(max_examples=10, deadline=None)
@given(lineages(max_fine=5), st.integers(0, 99))
def test_gradients(lineage: np.ndarray, seed: int) -> None:
    x, labels = drawn(lineage, seed, size=5)
    assert torch.autograd.gradcheck(lambda x: scale_contrast_terms(x, labels, 4.0)[0], (x.requires_grad_(),))


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels([[0, 7, 2], [1, 3, 0], [2, 7, 2], [3, 5, 2]], ("fine", "middle", "coarse"))


def test_samples_that_are_alone_at_a_scale_do_not_count_there(taxonomy: Taxonomy) -> None:
    x, _ = drawn(taxonomy.lineage, 0, size=3, dim=8)
    labels = torch.from_numpy(taxonomy.lineage[[0, 0, 2]])
    loss = ScaleContrastLoss(taxonomy, dim=8, share=0, weights=(1, 0, 0))
    terms, _ = scale_contrast_terms(x, labels, loss.scale)
    torch.testing.assert_close(loss(x, labels), terms[0, :2].mean())


def test_one_cross_entropy_with_the_target_of_the_tree(taxonomy: Taxonomy) -> None:
    x, _ = drawn(taxonomy.lineage, 0, size=4, dim=8)
    labels = torch.from_numpy(taxonomy.lineage[[0, 0, 2, 3]])
    loss = ScaleContrastLoss(taxonomy, dim=8, share=0, scale=3.0)
    logits = (3 * x @ x.T).fill_diagonal_(-math.inf)
    target = torch.tensor([1 + 1 / 2 + 1 / 3, 1 / 2 + 1 / 3, 1 / 3]).double() / 3  # of the first sample
    row = torch.nn.functional.cross_entropy(logits[0, 1:], target)
    terms, _ = scale_contrast_terms(x, labels, 3.0)
    torch.testing.assert_close(terms[:, 0].mean(), row)
    assert loss(x, labels).isfinite()


def test_the_second_part_is_one_cosface_a_scale_with_margins_that_grow(taxonomy: Taxonomy) -> None:
    x, labels = drawn(taxonomy.lineage, 0, size=8, dim=8)
    loss = ScaleContrastLoss(taxonomy, dim=8, share=0.25, weights=(1, 2, 3)).double()
    expected = torch.zeros((), dtype=torch.float64)
    for m, (margin, gamma) in enumerate([(0.2, 24.0), (0.3, 16.0), (0.4, 12.0)]):
        one = cosface(taxonomy.num_classes[m], 8, margin=margin, scale=gamma).double()
        with torch.no_grad():
            one.W.copy_(loss.proxies[m].T)
        expected += (m + 1) / 6 * one(x, torch.from_numpy(taxonomy.codes.copy())[labels[:, 0], m])
    torch.testing.assert_close(loss(x, labels), loss.contrast(x, labels) + 0.25 * expected)


def test_without_proxies_there_is_nothing_to_learn(taxonomy: Taxonomy) -> None:
    assert not list(ScaleContrastLoss(taxonomy, dim=8, share=0).parameters())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dim": 0}, "dim must be 1 or more; got 0"),
        ({"share": -1}, "share must be a weight of 0 or more; got -1"),
        ({"share": math.nan}, "share must be a weight"),
        ({"scale": 0}, "scale must be a positive number"),
        ({"proxy_scale": math.inf}, "scale must be a positive number"),
        ({"margins": (0.1, 0.2)}, "margins must be 3 numbers"),
        ({"weights": (0, 0, 0)}, "weights must not be negative, nor all 0"),
    ],
)
def test_settings_that_are_refused(taxonomy: Taxonomy, options: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        ScaleContrastLoss(taxonomy, **{"dim": 8, **options})  # type: ignore[arg-type]
