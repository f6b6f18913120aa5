"""One single-scale loss a scale, averaged."""

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import ConfigError, DymlError, InputError
from dyml.losses import MultiScale, cosface
from dyml.taxonomy import Taxonomy

SCALES = ("fine", "middle", "coarse")
LINEAGE = np.array([[0, 7, 2], [1, 3, 0], [2, 7, 2], [3, 5, 2], [4, 3, 0]])
CODES = torch.tensor([[0, 2, 1], [1, 0, 0], [2, 2, 1], [3, 1, 1], [4, 0, 0]])  # ids as 0 … C-1 at every scale


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(LINEAGE, SCALES)


def batch(size: int = 6, dim: int = 8, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(len(LINEAGE), (size,), generator=generator)
    x = torch.randn(size, dim, generator=generator, dtype=torch.float64)
    return normalize(x, dim=1).to(dtype), torch.from_numpy(LINEAGE)[rows]


class Recorder(nn.Module):
    """A loss whose value is its number of classes, that remembers what it was called with."""

    def __init__(self, num_classes: int, dim: int, offset: float = 0.0) -> None:
        super().__init__()
        self.value = num_classes + offset
        self.dim = dim
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        self.seen.append((x, labels))
        return x.sum() * 0 + self.value


def naive_cosface(x: Tensor, w: Tensor, labels: Tensor, margin: float, scale: float) -> float:
    """Mean over the batch of -log softmax, the margin taken from the own cosine; w is (C, D)."""
    total = 0.0
    for row, label in zip(x.tolist(), labels.tolist()):
        logits = []
        for j, proxy in enumerate(w.tolist()):
            cosine = sum(a * b for a, b in zip(row, proxy)) / math.sqrt(sum(b * b for b in proxy))
            logits.append(scale * (cosine - margin * (j == label)))
        top = max(logits)
        total += top + math.log(sum(math.exp(logit - top) for logit in logits)) - logits[label]
    return total / len(x)


def test_cosface_is_its_formula() -> None:
    x, labels = batch(dtype=torch.float64)
    loss = cosface(5, 8, margin=0.2, scale=10.0)
    value = loss(x, labels[:, 0])
    assert isinstance(loss.W, Tensor)
    assert value.item() == pytest.approx(naive_cosface(x, loss.W.T, labels[:, 0], 0.2, 10.0), rel=1e-9)


def test_the_mean_of_one_cosface_a_scale(taxonomy: Taxonomy) -> None:
    x, labels = batch(dtype=torch.float64)
    loss = MultiScale(taxonomy, dim=8, args={"margin": 0.3, "scale": 20.0})
    codes = CODES[labels[:, 0]]
    values = []
    for m, module in enumerate(loss.losses):
        alone = CosFaceLoss(taxonomy.num_classes[m], 8, margin=0.3, scale=20.0)
        alone.load_state_dict(module.state_dict())
        values.append(alone(x, codes[:, m]))
        assert isinstance(module.W, Tensor)
        assert values[m].item() == pytest.approx(
            naive_cosface(x, module.W.T, codes[:, m], 0.3, 20.0), rel=1e-6
        )
    assert loss(x, labels).item() == pytest.approx(sum(values).item() / 3, rel=1e-9)


def test_gradients_reach_embeddings_and_every_proxy(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    x.requires_grad_()
    loss = MultiScale(taxonomy, dim=8)
    loss(x, labels).backward()
    assert x.grad is not None
    for parameter in loss.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_weights(taxonomy: Taxonomy) -> None:
    loss = MultiScale(taxonomy, 8, Recorder, weights=[1, 2, 5])
    assert loss(*batch()).item() == pytest.approx((1 * 5 + 2 * 3 + 5 * 2) / 8)


def test_a_scale_of_weight_zero_is_left_out(taxonomy: Taxonomy) -> None:
    loss = MultiScale(taxonomy, 8, Recorder, weights=(0, 0.5, 0))
    assert len(loss.losses) == 1
    assert loss(*batch()).item() == 3
    x, labels = loss.losses[0].seen[0]  # type: ignore[index]
    assert torch.equal(labels, CODES[batch()[1][:, 0], 1])
    assert len(x) == 6
    finest = MultiScale(taxonomy, 8, weights=(1, 0, 0))
    assert [parameter.shape for parameter in finest.parameters()] == [(8, 5)]


def test_every_scale_sees_dense_ids_and_the_whole_batch(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss = MultiScale(taxonomy, 8, Recorder)
    loss(x, labels)
    for m, module in enumerate(loss.losses):
        seen_x, seen_labels = module.seen[0]  # type: ignore[index]
        assert module.dim == 8
        assert torch.equal(seen_x, x)
        assert torch.equal(seen_labels, CODES[labels[:, 0], m])


def test_every_scale_sees_its_own_part(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss = MultiScale(taxonomy, 8, Recorder, parts=True)
    loss(x, labels)
    for m, module in enumerate(loss.losses):
        seen_x, seen_labels = module.seen[0]  # type: ignore[index]
        assert torch.equal(seen_x, x[2 * m : 2 * m + 2])
        assert torch.equal(seen_labels, CODES[labels[:, 0], m][2 * m : 2 * m + 2])


def test_parts_stay_with_their_scales_when_one_is_left_out(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss = MultiScale(taxonomy, 8, Recorder, weights=(1, 0, 1), parts=True)
    loss(x, labels)
    seen = [module.seen[0][0] for module in loss.losses]  # type: ignore[index]
    assert torch.equal(seen[0], x[:2])
    assert torch.equal(seen[1], x[4:])


def test_a_batch_that_does_not_divide(taxonomy: Taxonomy) -> None:
    loss = MultiScale(taxonomy, 8, Recorder, parts=True)
    with pytest.raises(InputError, match=r"a batch of 7 does not divide into 3 equal parts.* multiple of 3"):
        loss(*batch(7))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(taxonomy: Taxonomy, dtype: torch.dtype) -> None:
    x, labels = batch(dtype=dtype)
    loss = MultiScale(taxonomy, 8)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(x.requires_grad_(), labels)
        value.backward()
    assert value.dtype == torch.float32
    assert value.item() == loss(x.detach().float(), labels).item()
    assert {parameter.dtype for parameter in loss.parameters()} == {torch.float32}
    assert x.grad is not None
    assert x.grad.dtype == dtype


def test_scales_may_have_any_name() -> None:
    taxonomy = Taxonomy.from_labels(LINEAGE, ("model", "type", "a.b"))
    assert MultiScale(taxonomy, 8)(*batch()).isfinite()


def test_a_scale_of_one_class_is_at_rest() -> None:
    taxonomy = Taxonomy.from_labels([[0, 0], [1, 0]], ("fine", "coarse"))
    loss = MultiScale(taxonomy, 8, weights=(0, 1))
    assert loss(batch()[0], torch.tensor([[0, 0], [1, 0]] * 3)).item() == 0


def test_settings_reach_every_loss(taxonomy: Taxonomy) -> None:
    loss = MultiScale(taxonomy, 8, Recorder, {"offset": 0.5})
    assert [module.value for module in loss.losses] == [5.5, 3.5, 2.5]
    partial = MultiScale(taxonomy, 8, functools.partial(Recorder, offset=0.5))
    assert [module.value for module in partial.losses] == [5.5, 3.5, 2.5]


def test_settings_of_one_scale_each(taxonomy: Taxonomy) -> None:
    args = [{"margin": 0.1}, {"margin": 0.2, "scale": 8.0}, {}]
    loss = MultiScale(taxonomy, dim=4, args=args[: taxonomy.num_scales])
    assert [(one.margin, one.scale) for one in loss.losses] == [(0.1, 64.0), (0.2, 8.0), (0.35, 64.0)]


@pytest.mark.parametrize("args", [[{}], "margin", [{}, {}, 0.2]])
def test_settings_that_are_not_one_a_scale(taxonomy: Taxonomy, args: Any) -> None:
    with pytest.raises(
        InputError, match="args must be one mapping, or a list of 3, one for each of the scales"
    ):
        MultiScale(taxonomy, dim=4, args=args)


def test_state_goes_round(taxonomy: Taxonomy) -> None:
    x, labels = batch()
    loss, other = MultiScale(taxonomy, 8), MultiScale(taxonomy, 8)
    assert set(loss.state_dict()) == {"losses.0.W", "losses.1.W", "losses.2.W"}
    assert loss(x, labels) != other(x, labels)
    other.load_state_dict(loss.state_dict())
    assert loss(x, labels) == other(x, labels)


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ((1, 1), "weights must be 3 numbers, one for each of the scales fine, middle, coarse"),
        (2.0, "weights must be 3 numbers.* got 2.0"),
        ((1, float("nan"), 1), "weights must be 3 numbers"),
        ((1, -1, 1), r"weights must not be negative, nor all 0; got \[1.0, -1.0, 1.0\]"),
        ((0, 0, 0), "nor all 0"),
    ],
)
def test_weights_that_are_refused(taxonomy: Taxonomy, weights: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        MultiScale(taxonomy, 8, weights=weights)  # type: ignore[arg-type]


def test_a_loss_by_import_path(taxonomy: Taxonomy) -> None:
    loss = MultiScale(taxonomy, 8, loss="dyml.losses.cosface", args={"margin": 0.1})
    assert [module.margin for module in loss.losses] == [0.1] * 3


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        ("cosface", "'cosface' is not an import path"),
        ("dyml.losses.cosfase", "dyml.losses has no 'cosfase'. Did you mean 'cosface'"),
        ("math.pi", r"loss must be callable as loss\(num_classes, dim, \*\*args\); got 'math.pi'"),
        (None, "loss must be callable .*got None"),
    ],
)
def test_a_loss_that_cannot_be_called(taxonomy: Taxonomy, loss: object, text: str) -> None:
    with pytest.raises(DymlError, match=text):
        MultiScale(taxonomy, 8, loss=loss)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["marign", "num_classes", "dim"])
def test_arguments_that_the_loss_does_not_have(taxonomy: Taxonomy, name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"args of MultiScale's loss: cosface has no option '{name}'.*margin, scale"
    ):
        MultiScale(taxonomy, 8, args={name: 1})
