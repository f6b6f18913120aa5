"""Augmentation of a batch: what each option does, its seed, its borders and its errors."""

import pytest
import torch
from torch import Generator, Tensor

from dyml.data.augment import Augment
from dyml.data.batch_augment import BatchAugment, as_unit_float, erase, random_affine, recolour, warp
from dyml.errors import ConfigError, InputError

SIZE = 16


def plain(**options: object) -> Augment:
    """Settings that change nothing, but for the options given."""
    nothing = {
        "crop_scale": (1.0, 1.0),
        "crop_ratio": (1.0, 1.0),
        "flip": 0.0,
        "rotate": 0.0,
        "shear": 0.0,
        "translate": 0.0,
        "zoom": 0.0,
        "brightness": 0.0,
        "contrast": 0.0,
        "saturation": 0.0,
        "hue": 0.0,
        "erase": 0.0,
    }
    return Augment(**(nothing | options))


def pictures(count: int = 6, channels: int = 3, height: int = SIZE, width: int = SIZE) -> Tensor:
    generator = Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("channels", [1, 3])
def test_without_options_pictures_only_become_floats(channels: int) -> None:
    images = pictures(channels=channels, width=24)
    torch.testing.assert_close(BatchAugment(plain())(images, seed=3), images / 255, atol=1e-5, rtol=0)


def test_flip_always_mirrors() -> None:
    images = pictures()
    torch.testing.assert_close(
        BatchAugment(plain(flip=1.0))(images, 0), images.flip(3) / 255, atol=1e-5, rtol=0
    )


def test_flip_by_half_mirrors_some() -> None:
    images = pictures(count=64)
    views = BatchAugment(plain(flip=0.5))(images, 0)
    same = ((views - images / 255).abs().amax((1, 2, 3)) < 1e-4).sum().item()
    mirrored = ((views - images.flip(3) / 255).abs().amax((1, 2, 3)) < 1e-4).sum().item()
    assert same + mirrored == 64
    assert 16 < same < 48


EVERYTHING = plain(
    crop_scale=(0.3, 1.0),
    crop_ratio=(0.7, 1.4),
    flip=0.5,
    rotate=20.0,
    shear=10.0,
    translate=0.1,
    zoom=0.2,
    brightness=0.4,
    contrast=0.4,
    saturation=0.4,
    hue=0.1,
    erase=0.5,
)


@pytest.mark.parametrize("padding", ["border", "reflect", "white", "black"])
@pytest.mark.parametrize("channels", [1, 3])
def test_everything_at_once_keeps_range_shape_and_seed(channels: int, padding: str) -> None:
    images = pictures(count=32, channels=channels)
    augment = BatchAugment(EVERYTHING, padding=padding)
    views = augment(images, 5)
    assert views.shape == images.shape
    assert views.dtype == torch.float32
    assert views.min() >= 0
    assert views.max() <= 1
    assert torch.equal(views, augment(images, 5))
    assert not torch.equal(views, augment(images, 6))


def test_the_global_random_state_is_neither_read_nor_moved() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = BatchAugment(EVERYTHING)(pictures(), 5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(BatchAugment(EVERYTHING)(pictures(), 5), first)


def test_uint8_and_float_agree() -> None:
    images = pictures()
    augment = BatchAugment(EVERYTHING)
    assert torch.equal(augment(images, 1), augment(images.float() / 255, 1))


def test_pictures_of_a_batch_get_different_views() -> None:
    images = pictures(count=1).expand(8, -1, -1, -1)
    views = BatchAugment(plain(rotate=30.0))(images, 0)
    distances = torch.cdist(views.flatten(1), views.flatten(1)) + torch.eye(8) * 99
    assert distances.min() > 0.1


def test_size_sets_the_side() -> None:
    assert BatchAugment(plain(), size=10)(pictures(height=20, width=30), 0).shape == (6, 3, 10, 10)


def test_a_crop_stays_inside_the_picture() -> None:
    matrices = random_affine(
        500, plain(crop_scale=(0.2, 0.9), crop_ratio=(0.7, 1.4)), Generator().manual_seed(0)
    )
    corners = torch.tensor([[-1.0, -1.0, 1.0], [1.0, 1.0, 1.0]]).T
    assert (matrices @ corners).abs().max() <= 1 + 1e-6
    area = torch.linalg.det(matrices[:, :, :2])
    assert area.min() >= 0.19
    assert area.max() <= 0.9 + 1e-6
    assert area.std() > 0.1


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_rotation_keeps_lengths_in_pixels(aspect: float) -> None:
    matrices = random_affine(50, plain(rotate=90.0), Generator().manual_seed(0), aspect=aspect)
    pixels = torch.tensor([[aspect, 0.0], [0.0, 1.0]])
    turns = pixels @ matrices[:, :, :2] @ torch.linalg.inv(pixels)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(2).expand(50, 2, 2), atol=1e-5, rtol=0)
    assert turns[:, 0, 1].abs().max() > 0.9


def test_translate_is_a_share_of_the_side() -> None:
    matrices = random_affine(500, plain(translate=0.25), Generator().manual_seed(0))
    assert 0.48 < matrices[:, :, 2].abs().max() <= 0.5


def test_zoom_goes_both_ways() -> None:
    spans = random_affine(500, plain(zoom=0.5), Generator().manual_seed(0))[:, 0, 0]
    assert 1 / 1.5 <= spans.min() < 0.7
    assert 1.4 < spans.max() <= 1.5


@pytest.mark.parametrize(
    ("padding", "corner"), [("white", 1.0), ("black", 0.0), ("border", 0.5), ("reflect", 0.5)]
)
def test_padding_fills_what_lies_outside(padding: str, corner: float) -> None:
    grey = torch.full((1, 1, SIZE, SIZE), 0.5)
    shrunk = torch.tensor([[[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]])
    view = warp(grey, shrunk, (SIZE, SIZE), padding)
    assert view[0, 0, 0, 0].item() == pytest.approx(corner)
    assert view[0, 0, SIZE // 2, SIZE // 2].item() == pytest.approx(0.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_scales_a_grey_picture(channels: int) -> None:
    images = torch.full((200, channels, 4, 4), 0.4)
    views = BatchAugment(plain(brightness=0.5))(images, 0)
    assert views.amin().item() == pytest.approx(0.2, abs=0.01)
    assert views.amax().item() == pytest.approx(0.6, abs=0.01)
    torch.testing.assert_close(views.amin((1, 2, 3)), views.amax((1, 2, 3)))


def test_contrast_keeps_the_mean() -> None:
    images = torch.rand(20, 1, 8, 8, generator=Generator().manual_seed(0)) * 0.2 + 0.4
    views = BatchAugment(plain(contrast=0.8))(images, 0)
    torch.testing.assert_close(views.mean((1, 2, 3)), images.mean((1, 2, 3)))
    spread = views.std((1, 2, 3)) / images.std((1, 2, 3))
    assert spread.min() < 0.6
    assert spread.max() > 1.4


@pytest.mark.parametrize("option", ["saturation", "hue"])
def test_colour_changes_leave_grey_alone(option: str) -> None:
    augment = BatchAugment(plain(**{option: 0.4}))
    grey = torch.full((10, 3, 4, 4), 0.6)
    torch.testing.assert_close(augment(grey, 0), grey)
    red = torch.tensor([0.6, 0.3, 0.3])[None, :, None, None].expand(10, 3, 4, 4)
    assert (augment(red, 0) - red).abs().max() > 0.02


def test_a_third_of_a_turn_of_hue_makes_red_green() -> None:
    from dyml.data.batch_augment import _hue_matrices

    red = torch.tensor([1.0, 0.0, 0.0])
    turned = _hue_matrices(torch.tensor([2 * torch.pi / 3]))[0] @ red
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_recolour_clips() -> None:
    images = torch.full((1, 1, 2, 2), 0.8)
    assert recolour(images, torch.full((1, 1, 1), 2.0), torch.zeros(1, 1)).max() == 1


def test_erase_fills_a_box_with_the_mean() -> None:
    images = torch.zeros(2, 1, 4, 4)
    images[:, :, :, 2:] = 1
    holes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.3, 0.3, 0.3, 0.3]])
    erased = erase(images, holes)
    assert erased[0, 0, :2, :2].tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert erased[0, 0, 2:].tolist() == images[0, 0, 2:].tolist()
    assert torch.equal(erased[1], images[1])


def test_erase_happens_as_often_as_asked() -> None:
    images = pictures(count=200)
    changed = (BatchAugment(plain(erase=0.3))(images, 0) - images / 255).abs().amax((1, 2, 3)) > 1e-3
    assert 40 < changed.sum() < 80


def test_an_empty_batch_stays_empty() -> None:
    assert BatchAugment(EVERYTHING)(pictures(count=0), 0).shape == (0, 3, SIZE, SIZE)


@pytest.mark.parametrize("images", [torch.zeros(3, 8, 8), torch.zeros(2, 2, 8, 8)])
def test_refuses_what_is_not_a_batch_of_pictures(images: Tensor) -> None:
    with pytest.raises(InputError, match="expected \\(B, 1 or 3, H, W\\)"):
        as_unit_float(images)


def test_refuses_other_integers() -> None:
    with pytest.raises(InputError, match=r"torch\.int64; expected uint8"):
        as_unit_float(torch.zeros(1, 1, 4, 4, dtype=torch.int64))


def test_unknown_padding_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"padding 'reflection'.*Did you mean 'reflect'"):
        BatchAugment(plain(), padding="reflection")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="size is 0"):
        BatchAugment(plain(), size=0)
