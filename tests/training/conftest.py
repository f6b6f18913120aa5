"""A data set that trains in seconds: blobs; coarse is their colour, middle their place, fine their size."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data import write_manifest
from dyml.training import Config
from dyml.training.settings import load_config

TINY = {
    "data.size": 16,
    "model.backbone_args": {"width": 4},
    "model.dim": 16,
    "sampler.batch_size": 16,
    "sampler.per_class": 2,
    "loss.margins": [0.2, 0.3, 0.4],
    "train.epochs": 2,
    "train.threads": 1,
}


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest folder: 2 coarse, 4 middle, 16 fine classes of 6 pictures; 4 fine classes are the test."""
    root = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(0)
    columns: dict[str, list[str]] = {name: [] for name in ("path", "coarse", "middle", "fine", "split")}
    for fine in range(16):
        middle, coarse = fine // 4, fine // 8
        for i in range(6):
            path = f"{fine:02d}-{i}.png"
            _blob(rng, coarse, middle, fine % 4).save(root / path)
            row = (path, f"c{coarse}", f"m{middle}", f"f{fine:02d}", "test" if fine % 4 == 3 else "train")
            for column, value in zip(columns.values(), row):
                column.append(value)
    write_manifest(columns, root / "manifest.csv")
    return root


@pytest.fixture(scope="session")
def tiny_options() -> dict[str, object]:
    """Settings with which the blobs train in a second or two."""
    return TINY


@pytest.fixture
def tiny(blobs: Path) -> Config:
    """A configuration with those settings, on the blobs."""
    return load_config(None, {**TINY, "data.root": str(blobs)})


def _blob(rng: np.random.Generator, coarse: int, middle: int, size: int) -> Image.Image:
    pixels = rng.integers(0, 100, 3) + rng.integers(0, 60, (16, 16, 3))
    x, y = 1 + 8 * (middle % 2) + rng.integers(0, 3), 1 + rng.integers(0, 9)
    pixels[y : y + 2 + size, x : x + 2 + size, coarse] += 90
    return Image.fromarray(pixels.astype(np.uint8))
