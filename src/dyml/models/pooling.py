"""From a feature map (B, C, h, w) to one vector (B, C) a picture."""

from typing import Literal

import torch
from torch import Tensor, nn

from dyml.errors import ConfigError, suggest

PoolingName = Literal["avg", "max", "avgmax", "gem"]
POOLINGS: tuple[str, ...] = ("avg", "max", "avgmax", "gem")


def average_pool(maps: Tensor) -> Tensor:
    """Return the mean over all places: (B, C, h, w) to (B, C)."""
    return maps.mean((2, 3))


def max_pool(maps: Tensor) -> Tensor:
    """Return the maximum over all places: (B, C, h, w) to (B, C)."""
    return maps.amax((2, 3))


def average_max_pool(maps: Tensor) -> Tensor:
    """Return the mean plus the maximum over all places: (B, C, h, w) to (B, C).

    The mean says what fills the picture, the maximum what stands out in it; their sum keeps C channels.
    """
    return maps.mean((2, 3)) + maps.amax((2, 3))


def generalised_mean_pool(maps: Tensor, power: Tensor | float = 3.0, least: float = 1e-6) -> Tensor:
    """Return the generalised mean, (mean of maps^power)^(1/power): (B, C, h, w) to (B, C).

    Power 1 is the average, a growing power tends to the maximum. Radenović et al., "Fine-tuning CNN Image
    Retrieval with No Human Annotation", arXiv 1711.02512.

    Args:
        maps: activations; those below `least` count as `least`, so that the power is defined.
        power: a positive number.
        least: a small positive number.
    """
    # half precision cannot hold the cube of 1e-6, nor the sum of cubes of large activations
    positive = maps.float().clamp(min=least)
    return positive.pow(power).mean((2, 3)).pow(1 / power).to(maps.dtype)


class Average(nn.Module):
    """`average_pool` as a module."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C)."""
        return average_pool(maps)


class Max(nn.Module):
    """`max_pool` as a module."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C)."""
        return max_pool(maps)


class AverageMax(nn.Module):
    """`average_max_pool` as a module."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C)."""
        return average_max_pool(maps)


class GeneralisedMean(nn.Module):
    """`generalised_mean_pool` with a learned power.

    Args:
        power: where the power starts.
    """

    def __init__(self, power: float = 3.0) -> None:
        super().__init__()
        if power <= 0:
            raise ConfigError(f"power is {power}; a generalised mean needs a positive one, such as 3")
        self.power = nn.Parameter(torch.tensor(float(power)))

    def forward(self, maps: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B, C)."""
        return generalised_mean_pool(maps, self.power)


def make_pooling(name: str) -> nn.Module:
    """Return the pooling of that name: `avg`, `max`, `avgmax` or `gem`.

    Raises:
        ConfigError: there is no such pooling.
    """
    match name:
        case "avg":
            return Average()
        case "max":
            return Max()
        case "avgmax":
            return AverageMax()
        case "gem":
            return GeneralisedMean()
    raise ConfigError(f"no pooling {name!r}; there are {', '.join(POOLINGS)}.{suggest(name, POOLINGS)}")
