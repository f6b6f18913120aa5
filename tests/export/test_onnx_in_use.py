"""Gallery and service take an exported model where they take an embedder."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from sklearn.base import clone

from dyml.data import read_manifest, write_manifest
from dyml.exchange import Encoder, PictureTransformer
from dyml.export import OnnxEmbedder, open_onnx, quantise
from dyml.export.checking import random_pictures
from dyml.index import Gallery
from dyml.index.models import OtherModelError
from dyml.models import Embedder
from dyml.serve import create_app


@pytest.fixture(scope="module")
def model(embedder: Embedder, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    embedder.save_pretrained(folder)
    (folder / "model.onnx").write_bytes(exported.read_bytes())
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    names = [f"{i}.png" for i in range(5)]
    for name in names:
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / name)
    write_manifest({"path": names, "kind": list("aabbc")}, folder / "manifest.csv")
    return folder


def test_the_gallery_of_a_model_takes_its_export(
    model: Path, pictures: Path, embedder: Embedder, tmp_path: Path
) -> None:
    manifest = read_manifest(pictures)
    gallery = Gallery.create(tmp_path / "gallery", 12, ("kind",), model=model, root=pictures)
    assert gallery.add_manifest(open_onnx(model), manifest).added == 5  # type: ignore[arg-type]
    assert gallery.add_manifest(embedder, manifest).unchanged == 5
    small = tmp_path / "small.onnx"
    quantise(model / "model.onnx", small, random_pictures(embedder))
    with pytest.raises(OtherModelError):
        gallery.add_manifest(OnnxEmbedder(small), manifest)  # type: ignore[arg-type]


def test_it_is_copied_and_pickled_by_its_file(model: Path, pictures: Path, embedder: Embedder) -> None:
    again = pickle.loads(pickle.dumps(open_onnx(model, threads=1)))
    images = random_pictures(embedder)[2]
    torch.testing.assert_close(again(images), open_onnx(model)(images))
    step = clone(PictureTransformer(open_onnx(model)))  # as cross-validation does
    paths = sorted(pictures.glob("*.png"))
    np.testing.assert_allclose(step.fit_transform(paths), Encoder(embedder).encode(paths), atol=1e-5)


def test_the_service_runs_on_it(model: Path, pictures: Path, embedder: Embedder, tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "gallery", 12, ("kind",), model=model, root=pictures)
    gallery.add_manifest(embedder, read_manifest(pictures))
    app = create_app(open_onnx(model), gallery)  # type: ignore[arg-type]
    with TestClient(app) as client, (pictures / "3.png").open("rb") as picture:
        found = client.post("/v1/search", files={"file": picture}, data={"k": "2"}).json()["results"]
    assert found[0]["id"] == "3.png"
    assert found[0]["similarity"] == pytest.approx(1, abs=1e-4)
