"""Heads that give one part of the vector to each scale."""

from typing import Any

import pytest
import torch
from torch.nn.functional import cosine_similarity

from dyml.errors import ConfigError
from dyml.models.heads import ScaleHead, make_head


def test_the_inner_product_is_the_mean_of_the_cosines_of_the_parts() -> None:
    torch.manual_seed(0)
    head = ScaleHead(10, 12, 3)
    features = torch.randn(2, 10)
    a, b = head(features)
    whole = torch.nn.functional.linear(features, head.weight, head.bias)
    whole = (whole - whole.mean(1, keepdim=True)) / (whole.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    cosines = [cosine_similarity(whole[0, p : p + 4], whole[1, p : p + 4], dim=0) for p in (0, 4, 8)]
    torch.testing.assert_close(a @ b, torch.stack(cosines).mean())
    torch.testing.assert_close(torch.stack([a @ a, b @ b]), torch.ones(2))


def test_float32_under_autocast_and_gradients() -> None:
    head = ScaleHead(10, 12, 3)
    with torch.autocast("cpu", torch.bfloat16):
        vectors = head(torch.randn(2, 10))
    assert vectors.dtype == torch.float32
    vectors[:, 0].sum().backward()
    assert head.weight.grad is not None
    assert head.weight.grad.abs().sum() > 0


def test_one_scale_is_a_plain_unit_vector() -> None:
    assert torch.allclose(ScaleHead(5, 7, 1)(torch.randn(4, 5)).norm(dim=1), torch.ones(4))


@pytest.mark.parametrize(("dim", "scales"), [(10, 3), (2, 3), (12, 0)])
def test_lengths_that_do_not_divide(dim: int, scales: int) -> None:
    with pytest.raises(
        ConfigError, match=f"dim must be a multiple of the number of scales, {scales}; got {dim}"
    ):
        ScaleHead(5, dim, scales)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": "scale"}, r"no head 'scale'; there are linear, scales. Did you mean 'scales'\?"),
        ({"name": "linear", "scales": 3}, "the head linear has no parts: leave scales=3 out"),
        ({"name": "scales"}, "the head scales needs the number of scales"),
        ({"name": "scales", "scales": 5}, "dim must be a multiple of the number of scales, 5; got 12"),
    ],
)
def test_heads_that_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        make_head(features=10, dim=12, **options)
