"""From feature maps to vectors."""

import pytest
import torch

from dyml.errors import ConfigError
from dyml.models.pooling import (
    POOLINGS,
    GeneralisedMean,
    average_max_pool,
    average_pool,
    generalised_mean_pool,
    make_pooling,
    max_pool,
)

MAPS = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 4.0]]]])


def test_values_by_hand() -> None:
    assert average_pool(MAPS).tolist() == [[3.0, 1.0]]
    assert max_pool(MAPS).tolist() == [[6.0, 4.0]]
    assert average_max_pool(MAPS).tolist() == [[9.0, 5.0]]
    # ((1 + 8 + 27 + 216) / 4)^(1/3) = 63^(1/3); (64 / 4)^(1/3) = 16^(1/3)
    torch.testing.assert_close(
        generalised_mean_pool(MAPS, 3.0), torch.tensor([[63 ** (1 / 3), 16 ** (1 / 3)]])
    )


def test_generalised_mean_lies_between_average_and_maximum() -> None:
    maps = torch.rand(4, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(generalised_mean_pool(maps, 1.0), average_pool(maps))
    torch.testing.assert_close(generalised_mean_pool(maps, 300.0), max_pool(maps), atol=0.01, rtol=0)


def test_generalised_mean_of_dark_maps_has_finite_gradients() -> None:
    pooling = GeneralisedMean()
    maps = torch.zeros(2, 3, 4, 4, requires_grad=True)
    pooling(maps).sum().backward()
    assert maps.grad is not None
    assert torch.isfinite(maps.grad).all()
    assert pooling.power.grad is not None
    assert torch.isfinite(pooling.power.grad)


def test_generalised_mean_survives_half_precision() -> None:
    maps = torch.full((1, 2, 4, 4), 300.0, dtype=torch.float16)
    pooled = generalised_mean_pool(maps)
    assert pooled.dtype == torch.float16
    torch.testing.assert_close(pooled, torch.full((1, 2), 300.0, dtype=torch.float16))


@pytest.mark.parametrize("name", POOLINGS)
def test_every_name_pools_one_place_to_itself_times_a_factor(name: str) -> None:
    maps = torch.rand(3, 4, 1, 1, generator=torch.Generator().manual_seed(1)) + 0.1
    factor = 2 if name == "avgmax" else 1
    torch.testing.assert_close(make_pooling(name)(maps), factor * maps[:, :, 0, 0])


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no pooling 'gemm'.*Did you mean 'gem'"):
        make_pooling("gemm")


def test_power_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="power is 0"):
        GeneralisedMean(0)
