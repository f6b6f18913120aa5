"""The description of augmentation, and the per-picture pipelines."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel, ValidationError

from dyml.data.augment import Augment, eval_transform, fit_size, train_transform
from dyml.errors import ConfigError, InputError

STRONG = Augment(
    crop_scale=(0.3, 1),
    flip=True,
    rotate=10,
    shear=5,
    translate=0.1,
    zoom=0.2,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.1,
    erase=0.5,
)


def photo(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rotat": 3}, "no augmentation 'rotat'. Did you mean 'rotate'"),
        ({"flip": 1.5}, "augmentation flip: .*got 1.5"),
        ({"crop_scale": (0.9, 0.2)}, "augmentation crop_scale: must be smallest and largest"),
        ({"crop_scale": (0, 1)}, "both above 0"),
        ({"crop_scale": (0.5,)}, "augmentation crop_scale"),
        ({"crop_ratio": (2, 1)}, "augmentation crop_ratio"),
        ({"rotate": float("nan")}, "augmentation rotate: .*finite"),
        ({"shear": 90}, "augmentation shear"),
        ({"hue": 0.6}, "augmentation hue"),
        ({"zoom": "wide"}, "augmentation zoom: .*'wide'"),
    ],
)
def test_a_misspelled_or_impossible_value_is_named(values: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        Augment(**values)


def test_two_mistakes_are_both_named() -> None:
    with pytest.raises(ConfigError, match=r"'rotat'(.|\n)*flip"):
        Augment(rotat=3, flip=2)


def test_a_wider_config_reports_a_mistake_inside() -> None:
    class Config(BaseModel):
        augment: Augment = Augment()

    with pytest.raises(ValidationError, match="Did you mean 'rotate'"):
        Config.model_validate({"augment": {"rotat": 3}})
    config = Config.model_validate({"augment": {"crop_scale": [0.2, 1], "flip": True}})
    assert config.augment == Augment(crop_scale=(0.2, 1), flip=0.5)
    assert Config.model_validate(config.model_dump()) == config


def test_flip_may_be_said_in_words() -> None:
    assert Augment(flip=True).flip == 0.5
    assert Augment(flip=False).flip == 0
    assert Augment(flip=1).flip == 1


def test_importing_the_description_leaves_torchvision_alone() -> None:
    code = (
        "import sys, types, dyml\n"
        "room = types.ModuleType('dyml.data'); room.__path__ = [dyml.__path__[0] + '/data']\n"
        "sys.modules['dyml.data'] = room\n"
        "import dyml.data.augment\n"
        "print('torchvision' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.booleans())
@settings(max_examples=60, deadline=None)
def test_any_picture_fits(width: int, height: int, size: int, squash: bool) -> None:
    assert fit_size(photo(width, height), size, squash=squash).size == (size, size)


def test_the_centre_is_cut_out() -> None:
    pixels = np.zeros((20, 60), np.uint8)
    pixels[:, 20:40] = 255
    assert np.asarray(fit_size(Image.fromarray(pixels), 20)).min() == 255
    assert np.asarray(fit_size(Image.fromarray(pixels), 20, squash=True))[:, 0].max() == 0


def test_resize_then_cut_leaves_the_border_out() -> None:
    pixels = np.zeros((32, 32), np.uint8)
    pixels[4:28, 4:28] = 255
    cut = fit_size(Image.fromarray(pixels), 24, resize=32)
    assert np.asarray(cut).min() == 255


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    picture = photo(32, 32)
    assert fit_size(picture, 32) is picture


@pytest.mark.parametrize(("size", "resize"), [(32, 16), (0, None)])
def test_a_cut_larger_than_the_picture_is_refused(size: int, resize: int | None) -> None:
    with pytest.raises(InputError, match="resize not below it"):
        fit_size(photo(), size, resize)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("augment", [Augment(), STRONG])
def test_pipelines_give_uint8_tensors(channels: int, mode: str, augment: Augment) -> None:
    for pipeline in (train_transform(augment, 24, channels), eval_transform(24, channels, resize=28)):
        tensor = pickle.loads(pickle.dumps(pipeline))(photo(mode=mode))
        assert tensor.shape == (channels, 24, 24)
        assert tensor.dtype == torch.uint8


def test_the_eval_pipeline_is_fit_size() -> None:
    expected = np.asarray(fit_size(photo(), 24)).transpose(2, 0, 1)
    np.testing.assert_array_equal(eval_transform(24)(photo()).numpy(), expected)


def test_no_augmentation_is_the_eval_pipeline() -> None:
    assert torch.equal(train_transform(Augment(), 24)(photo()), eval_transform(24)(photo()))


def test_the_train_pipeline_follows_torch_generator() -> None:
    pipeline = train_transform(STRONG, 24)
    views = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        views.append(pipeline(photo()))
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])


@pytest.mark.parametrize(
    "augment",
    [
        Augment(crop_scale=(0.2, 0.5)),
        Augment(flip=1.0),
        Augment(rotate=40),
        Augment(shear=30),
        Augment(translate=0.4),
        Augment(zoom=1.0),
        Augment(brightness=0.9),
        Augment(contrast=0.9),
        Augment(saturation=0.9),
        Augment(hue=0.5),
        Augment(erase=1.0),
    ],
)
def test_every_field_changes_pictures(augment: Augment) -> None:
    torch.manual_seed(0)
    assert not torch.equal(train_transform(augment, 24)(photo()), eval_transform(24)(photo()))


def test_affine_maps_leave_no_empty_corners() -> None:
    white = Image.new("L", (32, 32), 255)
    pipeline = train_transform(Augment(rotate=45, shear=20, translate=0.2), 32, 1)
    for seed in range(200):
        torch.manual_seed(seed)
        assert pipeline(white).min() == 255


def test_a_shift_stays_within_its_share() -> None:
    pixels = np.zeros((40, 40), np.uint8)
    pixels[20, 20] = 255
    pipeline = train_transform(Augment(translate=0.1), 40, 1)
    rows = [int(pipeline(Image.fromarray(pixels))[0].sum(1).argmax()) for _ in range(60)]
    assert max(abs(row - 20) for row in rows) <= 4
    assert len(set(rows)) > 3


def test_colour_of_grey_pictures_is_left_alone() -> None:
    torch.manual_seed(0)
    pipeline = train_transform(Augment(saturation=0.9, hue=0.5), 24, 1)
    assert torch.equal(pipeline(photo(mode="L")), eval_transform(24, 1)(photo(mode="L")))


def test_channels_are_one_or_three() -> None:
    with pytest.raises(InputError, match="channels must be 3"):
        eval_transform(24, 4)
