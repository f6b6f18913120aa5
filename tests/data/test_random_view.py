"""Random crops that decode no more than they need."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dyml.data import images as images_module
from dyml.data.augment import Augment, eval_transform
from dyml.data.images import enough_pixels, open_image
from dyml.data.random_view import random_box, random_view

CROP = Augment(crop_scale=(0.16, 1.0), crop_ratio=(0.75, 4 / 3))


def photo(path: Path, width: int, height: int, **save: object) -> Path:
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([200 * x, 200 * y, 60 + 60 * np.sin(12 * x + 5 * y)], axis=2)
    Image.fromarray(pixels.astype(np.uint8)).save(path, **save)  # type: ignore[arg-type]
    return path


@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 99))
def test_boxes_lie_inside(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = random_box(width, height, CROP, random.Random(seed))
    assert 0 <= left < right <= width + 1e-9
    assert 0 <= top < bottom <= height + 1e-9
    if 0.8 < width / height < 1.2:
        assert (right - left) * (bottom - top) >= 0.159 * width * height


def test_boxes_are_drawn_evenly() -> None:
    rng = random.Random(0)
    boxes = np.array([random_box(400, 300, CROP, rng) for _ in range(4000)])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / 120_000
    assert areas.min() < 0.18
    assert areas.max() > 0.9
    centres = boxes[:, :2] + boxes[:, 2:]
    assert np.allclose(centres.mean(0), [400, 300], atol=8)


@pytest.mark.parametrize("orientation", [1, 6, 3, 8, 5])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_a_view_shows_what_the_crop_holds(tmp_path: Path, orientation: int, ending: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = photo(tmp_path / f"a.{ending}", 640, 480, exif=exif)
    whole = open_image(path)
    for seed in range(8):
        box = random_box(*whole.size, CROP, random.Random(seed))
        wanted = np.asarray(whole.resize((32, 32), Image.Resampling.BILINEAR, box=box), dtype=float)
        view = random_view(path, CROP, 32, 3, seed)
        assert view.dtype == torch.uint8
        assert np.abs(view.numpy().transpose(1, 2, 0) - wanted).mean() < 2
        assert torch.equal(view, random_view(path, CROP, 32, 3, seed))


def test_large_photographs_are_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photo(tmp_path / "a.jpg", 1000, 800)
    sizes = []
    real = images_module._flattened

    def seen(image: Image.Image, *args: object) -> Image.Image:
        sizes.append(image.size)
        return real(image, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(images_module, "_flattened", seen)
    for seed in range(30):
        assert random_view(path, CROP, 64, 1, seed).shape == (1, 64, 64)
    assert min(sizes) <= (125, 100)
    assert max(sizes) <= (500, 400)


def test_without_a_crop_it_is_what_is_judged(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 300, 200)
    judged = eval_transform(32)(open_image(path, 3, enough_pixels(32)))
    assert torch.equal(random_view(path, Augment(flip=True), 32, 3, 5), judged)
