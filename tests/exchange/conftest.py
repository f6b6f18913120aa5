"""A small embedder, some pictures, and a gallery of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dyml.data import read_manifest, write_manifest
from dyml.index import Gallery
from dyml.models import Embedder

FINE = ["a", "a", "b", "b", "c", "c"]


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4}).eval()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = [folder / f"{i}.png" for i in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.fixture(scope="session")
def gallery(embedder: Embedder, pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = pictures[0].parent
    coarse = ["x" if name == "c" else "y" for name in FINE]
    columns = {"path": [path.name for path in pictures], "fine": FINE, "coarse": coarse}
    write_manifest(columns, folder / "manifest.csv")
    manifest = read_manifest(folder)
    made = Gallery.create(
        tmp_path_factory.mktemp("galleries") / "small", 12, ("fine", "coarse"), model=embedder, root=folder
    )
    made.add_manifest(embedder, manifest)
    made.update("0.png", metadata={"price": 3})
    return made
