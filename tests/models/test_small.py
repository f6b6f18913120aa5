"""The small backbone: shapes at every size, errors, and that it learns."""

import pytest
import torch
from torch import nn

from dyml.errors import ConfigError
from dyml.models.small import SmallNet, stem_halvings


@pytest.mark.parametrize(
    ("size", "side"), [(28, 4), (32, 4), (40, 5), (48, 3), (64, 4), (80, 5), (96, 3), (112, 4), (128, 4)]
)
def test_the_map_ends_near_four_pixels(size: int, side: int) -> None:
    net = SmallNet(channels=1, width=4, image_size=size).eval()
    assert net(torch.rand(2, 1, size, size)).shape == (2, net.num_features, side, side)


def test_takes_pictures_of_other_sizes_and_shapes() -> None:
    net = SmallNet(channels=3, width=4, image_size=32).eval()
    assert net(torch.rand(2, 3, 41, 67)).shape == (2, 32, 6, 9)


def test_width_sets_the_channels() -> None:
    assert SmallNet(width=6).num_features == 48


def test_halvings_never_fall_with_the_size() -> None:
    halvings = [stem_halvings(size) for size in range(16, 300)]
    assert halvings == sorted(halvings)
    assert halvings[0] == 0


def test_channels_last_gives_the_same_map() -> None:
    net = SmallNet(channels=3, width=4, image_size=32).eval()
    images = torch.rand(2, 3, 32, 32)
    expected = net(images)
    net = net.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        net(images.contiguous(memory_format=torch.channels_last)), expected, atol=1e-5, rtol=1e-4
    )


def test_fits_a_small_task() -> None:
    torch.manual_seed(0)
    images = torch.rand(16, 1, 16, 16) * 0.1
    images[:8, :, :8] += 0.5
    images[8:, :, 8:] += 0.5
    targets = torch.arange(16) // 8
    net = nn.Sequential(
        SmallNet(channels=1, width=2, image_size=16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)
    )
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(30):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(net(images), targets)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"channels": 4}, "channels is 4"),
        ({"width": 1}, "width is 1"),
        ({"image_size": 8}, "image_size is 8"),
    ],
)
def test_refuses_what_it_cannot_build(options: dict[str, int], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        SmallNet(**options)
