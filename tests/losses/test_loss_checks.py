"""Batches that do not fit are refused, in words that say what is wrong."""

import pytest
import torch
from torch import Tensor, nn

from dyml.errors import InputError
from dyml.losses import CrossScaleLoss, MultiScale, SampledCrossScaleLoss, TiedProxyLoss, cross_scale_loss
from dyml.losses.checks import check_batch, checked_margins, default_margins
from dyml.taxonomy import Taxonomy

LINEAGE = torch.tensor([[0, 4], [1, 4], [2, 9]])
X, Y = torch.ones(2, 8), LINEAGE[:2]


@pytest.mark.parametrize(
    ("embeddings", "labels", "text"),
    [
        (X[:, :7], Y, r"embeddings must be \(B, 8\) floating point; got \(2, 7\) torch.float32"),
        (X[0], Y, r"embeddings must be \(B, 8\) floating point; got \(8,\)"),
        (X.long(), Y, r"floating point; got \(2, 8\) torch.int64"),
        (X, Y[:1], r"labels must be \(2, 2\) int64, one column a scale, fine to coarse; got \(1, 2\)"),
        (X, Y[:, 0], r"labels must be \(2, 2\) int64.*; got \(2,\)"),
        (X, Y[:, :1], r"labels must be \(2, 2\) int64.*; got \(2, 1\)"),
        (X, Y.int(), r"labels must be \(2, 2\) int64.*; got \(2, 2\) torch.int32"),
        (X, Y.float(), r"labels must be \(2, 2\) int64.*; got \(2, 2\) torch.float32"),
        (X[:0], Y[:0], "the batch is empty"),
        (
            X,
            Y.to("meta"),
            "embeddings are on cpu, labels on meta and the loss on cpu: move all to one device",
        ),
        (X, torch.tensor([[0, 4], [3, 9]]), r"labels row 1 is \[3, 9\], which is not a row .* classes 0 … 2"),
        (X, torch.tensor([[-1, 4], [0, 4]]), r"labels row 0 is \[-1, 4\]"),
        (X, torch.tensor([[0, 4], [1, 9]]), r"labels row 1 is \[1, 9\].* made with another taxonomy\?"),
    ],
)
@pytest.mark.parametrize("kind", [CrossScaleLoss, MultiScale])
def test_batches_that_are_refused(kind: type, embeddings: Tensor, labels: Tensor, text: str) -> None:
    taxonomy = Taxonomy.from_labels(LINEAGE, ("fine", "coarse"))
    settings = {"margins": (0.1, 0.2)} if kind is CrossScaleLoss else {}
    loss: nn.Module = kind(taxonomy, dim=8, **settings)
    with pytest.raises(InputError, match=text):
        loss(embeddings, labels)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_good_batches_pass(dtype: torch.dtype) -> None:
    check_batch(torch.ones(3, 8, dtype=dtype), LINEAGE[[2, 0, 2]], LINEAGE, 8)


def test_rows_are_not_read_off_the_cpu() -> None:
    # Reading them would stop an accelerator at every step; "meta" tensors cannot be read at all.
    check_batch(X.to("meta"), Y.to("meta"), LINEAGE.to("meta"), 8)


@pytest.mark.parametrize("kind", [CrossScaleLoss, SampledCrossScaleLoss, TiedProxyLoss])
@pytest.mark.parametrize("num_scales", [1, 2, 5])
def test_default_margins_go_on_for_any_number_of_scales(kind: type, num_scales: int) -> None:
    lineage = [[row // 2**m for m in range(num_scales)] for row in range(16)]
    loss = kind(Taxonomy.from_labels(lineage, [f"scale{m}" for m in range(num_scales)]), 4)
    first = 0.2 if kind is TiedProxyLoss else 0.25
    assert loss.margins == tuple(pytest.approx(first + 0.1 * m) for m in range(num_scales))
    labels = torch.tensor(lineage[:3])
    assert loss(torch.eye(3, 4), labels).isfinite()


def test_the_function_has_the_default_margins_of_the_module() -> None:
    lineage = torch.tensor([[f, f // 2, f // 4, f // 8] for f in range(12)])
    x, own, w = torch.randn(5, 3), torch.arange(5), torch.randn(12, 3)
    value = cross_scale_loss(x, own, w, lineage)
    torch.testing.assert_close(value, cross_scale_loss(x, own, w, lineage, (0.25, 0.35, 0.45, 0.55)))


def test_given_margins_are_taken_as_they_are() -> None:
    assert checked_margins([1, 0], 0.25, ("a", "b")) == (1.0, 0.0)
    assert default_margins(0.3, 3) == (0.3, 0.4, 0.5)
    with pytest.raises(InputError, match="margins must be 2 numbers, one for each of the scales a, b"):
        checked_margins([1], 0.25, ("a", "b"))
