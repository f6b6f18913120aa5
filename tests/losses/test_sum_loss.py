"""A weighted sum of losses, as configurations write it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from dyml.errors import DymlError, InputError
from dyml.losses import CrossScaleLoss, MultiScale, SumLoss
from dyml.losses.protocols import Auxiliary
from dyml.losses.scale_aggregation import alignment_loss
from dyml.taxonomy import Taxonomy
from dyml.training.build import build_loss
from dyml.training.settings import load_config

LABELS = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 1, 1], [3, 2, 1]])
TERMS = [
    {"type": "dyml.losses.CrossScaleLoss", "margins": (0.1, 0.2, 0.3)},
    {"type": MultiScale, "weight": 0.25, "args": {"scale": 16.0}},
]


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LABELS, ("fine", "middle", "coarse"))


def test_it_is_the_weighted_sum(taxonomy: Taxonomy) -> None:
    loss = SumLoss(taxonomy, 8, TERMS)
    x = normalize(torch.randn(4, 8), dim=1).requires_grad_()
    first, second = loss.losses
    assert isinstance(first, CrossScaleLoss)
    value = loss(x, LABELS)
    torch.testing.assert_close(value, first(x, LABELS) + 0.25 * second(x, LABELS))
    torch.testing.assert_close(loss.terms(x, LABELS).sum(), value)
    value.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in loss.parameters())
    assert "weights=(1.0, 0.25)" in repr(loss)


def test_terms_that_ask_for_auxiliary_outputs_are_given_them(taxonomy: Taxonomy) -> None:
    asking = {"type": "dyml.losses.ScaleAggregationLoss", "outputs": 5}
    loss = SumLoss(taxonomy, 9, [*TERMS, {**asking, "weight": 0.5}, {**asking, "alignment": 0}])
    assert loss.auxiliary == Auxiliary(5, 0.9999)
    assert SumLoss(taxonomy, 9, TERMS).auxiliary is None
    x = normalize(torch.randn(4, 9), dim=1)
    student, teacher = torch.randn(2, 4, 5)
    gained = loss.terms(x, LABELS, student, teacher) - loss.terms(x, LABELS)
    torch.testing.assert_close(gained[[0, 1, 3]], torch.zeros(3))
    torch.testing.assert_close(gained[2], 0.5 * 0.75 * alignment_loss(student, teacher))
    with pytest.raises(InputError, match="the terms ask for different auxiliary outputs"):
        SumLoss(taxonomy, 9, [asking, {**asking, "outputs": 6}])


def test_a_configuration_says_it(taxonomy: Taxonomy, tmp_path: Path) -> None:
    file = tmp_path / "sum.yaml"
    file.write_text("""
model: {dim: 8}
loss:
  type: dyml.losses.SumLoss
  terms:
    - type: dyml.losses.CrossScaleLoss
      margins: [0.1, 0.2, 0.3]
    - type: dyml.losses.MultiScale
      weight: 0.5
      loss: dyml.losses.contrastive
      args:
        neg_margin: 0.8
        miner: {type: pytorch_metric_learning.miners.BatchHardMiner}
    - type: dyml.losses.SumLoss
      terms: [{type: dyml.losses.HierarchicalAPLoss, cluster: 0}]
""")
    loss = build_loss(load_config(file), taxonomy)
    assert isinstance(loss, SumLoss)
    assert loss.weights == (1.0, 0.5, 1.0)
    assert loss(normalize(torch.randn(4, 8), dim=1), LABELS).isfinite()


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ([], "terms must be a list of one mapping a loss"),
        ({"type": "dyml.losses.MultiScale"}, "terms must be a list of one mapping a loss"),
        ([{"weight": 1}], r"terms\[0\] must be a mapping with a type"),
        (["dyml.losses.MultiScale"], r"terms\[0\] must be a mapping with a type; got 'dyml.losses.Mul"),
        ([TERMS[0], {**TERMS[1], "weight": 0}], r"terms\[1\].weight must be a positive number; got 0"),
        ([{**TERMS[0], "weight": float("inf")}], r"terms\[0\].weight must be a positive number; got inf"),
        ([{**TERMS[0], "weight": "1"}], r"terms\[0\].weight must be a positive number; got '1'"),
        (
            [{**TERMS[0], "marigns": 1}],
            r"terms\[0\]: CrossScaleLoss has no option 'marigns'. Did .*'margins'",
        ),
        ([{"type": "dyml.losses.CrossScaleLos"}], "has no 'CrossScaleLos'. Did you mean 'CrossScaleLoss'"),
        ([{"type": "math.pi"}], r"terms\[0\]: 3.14.* is not a class or function"),
    ],
)
def test_terms_that_are_refused(taxonomy: Taxonomy, terms: Any, text: str) -> None:
    with pytest.raises(DymlError, match=text):
        SumLoss(taxonomy, 8, terms)
