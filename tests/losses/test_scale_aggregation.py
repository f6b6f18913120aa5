"""Similarity aggregation: every piece against loops, the pieces together, and what it refuses."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from dyml.errors import InputError
from dyml.losses import ScaleAggregationLoss
from dyml.losses.scale_aggregation import alignment_loss, class_similarities, cross_scale_constraint
from dyml.taxonomy import Taxonomy

LINEAGE = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 1], [4, 2, 1]])
LABELS = LINEAGE[torch.tensor([0, 0, 1, 2, 3, 4, 4])]


def unit_parts(size: int = 7, scales: int = 3, dim: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(size, scales, dim, generator=generator, dtype=torch.float64), dim=2)


def naive_constraint(parts: Tensor, labels: Tensor) -> float:
    size, scales = labels.shape
    total = 0.0
    for a in range(size):
        for b in range(size):
            s = [float(parts[a, m] @ parts[b, m]) for m in range(scales)]
            same = [bool(labels[a, m] == labels[b, m]) for m in range(scales)]
            cost = [(1 - v) ** 2 if near else (1 + v) ** 2 for v, near in zip(s, same)]
            for m in range(scales):
                others = range(m + 1, scales) if same[m] else range(m)
                wrong = [n for n in others if (s[n] < s[m] if same[m] else s[n] > s[m])]
                total += sum(cost[n] for n in wrong) if wrong else cost[m]
    return total / (size * size * scales)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scales", [1, 2, 3])
def test_the_constraint_is_its_formula(seed: int, scales: int) -> None:
    parts, labels = unit_parts(scales=scales, seed=seed), LABELS[:, :scales]
    assert cross_scale_constraint(parts, labels).item() == pytest.approx(
        naive_constraint(parts, labels), rel=1e-8
    )


def test_a_pair_in_order_is_pulled_and_pushed_where_it_is() -> None:
    # Two pictures of one middle class, cosines 0, 0.5 and 0.8: only the plain costs, nothing is out of order.
    s = torch.tensor([0.0, 0.5, 0.8], dtype=torch.float64)
    first = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(3, 2)
    parts = torch.stack([first, torch.stack([s, (1 - s**2).sqrt()], dim=1)])
    value = cross_scale_constraint(parts, torch.tensor([[0, 0, 0], [1, 0, 0]]))
    assert value.item() == pytest.approx(2 * (1.0 + 0.25 + 0.04) / 12)


def test_class_similarities_are_their_formula() -> None:
    x, w = unit_parts(3)[:, 0], unit_parts(5, 2, seed=1) * 3
    expected = []
    for row in x:
        for c in w:
            s = [float(row @ p / p.norm()) for p in c]
            weights = [math.exp(7 * v) for v in s]
            expected.append(sum(a * v for a, v in zip(weights, s)) / sum(weights))
    value = class_similarities(x, w, sharpness=7.0)
    torch.testing.assert_close(
        value.flatten(), torch.tensor(expected, dtype=torch.float64), rtol=1e-8, atol=1e-8
    )


def test_the_alignment_is_its_formula() -> None:
    student, teacher = (3 * unit_parts(4, 1, 5, seed)[:, 0] for seed in (0, 1))
    expected = 0.0
    for a, b in zip(student, teacher):
        a, b = a / a.norm(), b / b.norm()
        p = [math.exp(v) / sum(math.exp(u) for u in b) for v in b]
        expected -= sum(q * (float(v) - math.log(sum(math.exp(u) for u in a))) for q, v in zip(p, a)) / 4
    teacher.requires_grad_()
    value = alignment_loss(student.requires_grad_(), teacher)
    assert value.item() == pytest.approx(expected, rel=1e-8)
    value.backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_gradients() -> None:
    parts = unit_parts(4, seed=2)
    w = unit_parts(3, 2, seed=3)
    assert torch.autograd.gradcheck(
        lambda p, w: class_similarities(p, w), (parts[:, 0].requires_grad_(), w.requires_grad_())
    )
    labels = LABELS[torch.tensor([0, 1, 2, 5])]
    assert torch.autograd.gradcheck(
        lambda p: cross_scale_constraint(p, labels), parts.detach().requires_grad_()
    )
    pair = [unit_parts(2, 1, 5, seed)[:, 0].requires_grad_() for seed in (4, 5)]
    assert torch.autograd.gradcheck(lambda a: alignment_loss(a, pair[1]), pair[0])


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse"))


def test_the_pieces_together(taxonomy: Taxonomy) -> None:
    torch.manual_seed(0)
    loss = ScaleAggregationLoss(taxonomy, 12, proxies=(3, 2, 1), scale=9.0, margin=0.1).double()
    assert [tuple(p.shape) for p in loss.proxies] == [(5, 3, 4), (3, 2, 4), (2, 1, 4)]
    parts = unit_parts()
    x = (parts / 3**0.5).flatten(1)
    softmaxes = 0.0
    for m, w in enumerate(loss.proxies):
        s = class_similarities(parts[:, m], w.detach())
        for row, own in zip(s.tolist(), LABELS[:, m].tolist()):
            logits = [9.0 * (v - 0.1 * (c == own)) for c, v in enumerate(row)]
            softmaxes += (math.log(sum(math.exp(v) for v in logits)) - logits[own]) / 21
    constraint = naive_constraint(parts, LABELS)
    assert loss(x, LABELS).item() == pytest.approx(softmaxes + 0.25 * constraint, rel=1e-8)
    student, teacher = (unit_parts(7, 1, 5, seed)[:, 0] for seed in (1, 2))
    whole = loss(x, LABELS, student, teacher)
    torch.testing.assert_close(whole, loss(x, LABELS) + 0.75 * alignment_loss(student, teacher))


def test_the_length_of_the_parts_does_not_matter(taxonomy: Taxonomy) -> None:
    loss = ScaleAggregationLoss(taxonomy, 12).double()
    parts = unit_parts()
    scaled = parts * torch.tensor([0.1, 3.0, 7.0], dtype=torch.float64)[:, None]
    torch.testing.assert_close(loss(parts.flatten(1), LABELS), loss(scaled.flatten(1), LABELS))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dim": 13}, "dim must be a multiple of the number of scales, 3; got 13"),
        ({"proxies": (1, 2)}, "proxies must be a whole number above 0, or one for each of the 3 scales"),
        ({"proxies": 0}, "proxies must be a whole number above 0"),
        ({"scale": 0.0}, "scale must be positive"),
        ({"constraint": -1.0}, "constraint and alignment not negative"),
    ],
)
def test_settings_that_are_refused(taxonomy: Taxonomy, options: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        ScaleAggregationLoss(taxonomy, **{"dim": 12, **options})


def test_a_student_without_a_teacher(taxonomy: Taxonomy) -> None:
    loss = ScaleAggregationLoss(taxonomy, 12)
    with pytest.raises(InputError, match="both student and teacher, or neither"):
        loss(torch.randn(7, 12), LABELS, torch.randn(7, 5))
