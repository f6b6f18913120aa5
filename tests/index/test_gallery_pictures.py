"""Manifests into a gallery: embedded once, with thumbnails and labels; what changed is brought up to date."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dyml.data import read_manifest, write_manifest
from dyml.errors import ImageError, InputError
from dyml.index import AddReport, Gallery, OtherModelError
from dyml.models import Embedder, embed_manifest


@pytest.fixture
def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder("dyml_small", dim=8, channels=3, image_size=16, backbone_args={"width": 4})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures of 300 x 200, one of them tiny, with a manifest of two scales."""
    rng = np.random.default_rng(0)
    root = tmp_path / "pictures"
    root.mkdir()
    paths = [f"é {n}.png" for n in range(12)]
    for n, path in enumerate(paths):
        size = (20, 30) if n == 0 else (200, 300)
        Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(root / path)
    write(root, paths, "f")
    return root


def write(root: Path, paths: list[str], prefix: str) -> None:
    fine = [f"{prefix}{n // 2}" for n in range(len(paths))]
    coarse = [f"c{n // 6}" for n in range(len(paths))]
    write_manifest({"path": paths, "coarse": coarse, "fine": fine}, root / "manifest.csv")


def size_of(coded: bytes) -> tuple[str, tuple[int, int]]:
    with Image.open(io.BytesIO(coded)) as picture:
        return str(picture.format), picture.size


def test_a_manifest_once_and_again(folder: Path, embedder: Embedder, tmp_path: Path, monkeypatch) -> None:
    manifest = read_manifest(folder)
    gallery = Gallery.create(tmp_path / "g", 8, manifest.scales, model=embedder, root=folder)
    embedder.train()
    assert gallery.add_manifest(embedder, manifest, batch_size=5) == AddReport(added=12)
    assert embedder.training
    expected = embed_manifest(embedder, manifest)
    for path, vector in zip(manifest.paths, expected):
        item = gallery.get(path)
        np.testing.assert_allclose(item.vector, vector, atol=1e-5)
        assert item.picture == path
        assert size_of(item.thumbnail) == (("PNG", (30, 20)) if path == "é 0.png" else ("JPEG", (256, 171)))
        assert item.bytes is None
    assert gallery.get("é 7.png").labels == {"fine": "f3", "coarse": "c1"}

    def never(*_: object) -> None:
        raise AssertionError("a picture that is there was embedded again")

    with monkeypatch.context() as patch:
        patch.setattr("dyml.index.pictures.embed_batches", never)
        assert gallery.add_manifest(embedder, manifest, batch_size=5) == AddReport(unchanged=12)
        write(folder, manifest.paths, "new")
        again = gallery.add_manifest(embedder, read_manifest(folder), batch_size=5)
        assert again == AddReport(updated=12)
    item = gallery.get("é 7.png")
    assert item.labels["fine"] == "new3"
    assert item.thumbnail is not None
    Image.new("RGB", (300, 300)).save(folder / "é 7.png")
    assert gallery.add_manifest(embedder, read_manifest(folder)) == AddReport(updated=1, unchanged=11)
    assert size_of(gallery.get("é 7.png").thumbnail)[1] == (256, 256)


def test_an_interrupted_manifest_goes_on(folder: Path, embedder: Embedder, tmp_path: Path) -> None:
    manifest = read_manifest(folder)
    gallery = Gallery.create(tmp_path / "g", 8, manifest.scales, model=embedder)
    good = (folder / "é 9.png").read_bytes()
    (folder / "é 9.png").write_bytes(good[:100])
    with pytest.raises(ImageError, match=r"é 9\.png"):
        gallery.add_manifest(embedder, manifest, batch_size=4)
    assert len(gallery) == 8
    report = gallery.add_manifest(embedder, manifest, batch_size=4, skip_damaged=True)
    assert (report.added, report.unchanged, len(report.skipped)) == (3, 8, 1)
    assert "é 9.png" in report.skipped[0]
    (folder / "é 9.png").write_bytes(good)
    assert gallery.add_manifest(embedder, manifest) == AddReport(added=1, unchanged=11)
    (folder / "é 9.png").unlink()
    with pytest.raises(ImageError, match=r"é 9\.png"):
        gallery.add_manifest(embedder, manifest)


def test_pictures_too_large_are_refused(folder: Path, embedder: Embedder, tmp_path: Path) -> None:
    manifest = read_manifest(folder)
    gallery = Gallery.create(tmp_path / "g", 8, manifest.scales)
    with (folder / "é 3.png").open("wb") as file:
        Image.new("1", (12_000, 12_000)).save(file, "PNG")
    with pytest.raises(ImageError, match="12,000 x 12,000"):
        gallery.add_manifest(embedder, manifest)


def test_pictures_kept_in_the_gallery(folder: Path, embedder: Embedder, tmp_path: Path) -> None:
    manifest = read_manifest(folder)
    gallery = Gallery.create(tmp_path / "g", 8, manifest.scales, root=tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"may not look.*--store-pictures"):
        gallery.add_manifest(embedder, manifest)
    gallery.add_manifest(embedder, manifest, store_pictures=True)
    item = gallery.get("é 4.png")
    assert item.picture is None
    assert item.bytes == (folder / "é 4.png").read_bytes()
    above = Gallery.create(tmp_path / "h", 8, manifest.scales, root=tmp_path)
    above.add_manifest(embedder, manifest)
    assert above.get("é 4.png").picture == "pictures/é 4.png"


def test_what_does_not_belong_together(folder: Path, embedder: Embedder, tmp_path: Path) -> None:
    manifest = read_manifest(folder)
    other = Embedder("dyml_small", dim=8, channels=3, image_size=16, backbone_args={"width": 4})
    gallery = Gallery.create(tmp_path / "g", 8, manifest.scales, model=embedder)
    with pytest.raises(OtherModelError, match="was made with another model"):
        gallery.add_manifest(other, manifest)
    with pytest.raises(InputError, match=r"vectors of 8 numbers, the gallery .* has 5"):
        Gallery.create(tmp_path / "h", 5, manifest.scales).add_manifest(embedder, manifest)
    with pytest.raises(InputError, match="there is no 'fine'"):
        Gallery.create(tmp_path / "i", 8, ("species", "coarse")).add_manifest(embedder, manifest)
    with pytest.raises(InputError, match="batch_size must be"):
        gallery.add_manifest(embedder, manifest, batch_size=0)
    # The first model that fills a gallery of no model is the one that it is made with from then on.
    free = Gallery.create(tmp_path / "j", 8, manifest.scales)
    free.add_manifest(embedder, manifest)
    with pytest.raises(OtherModelError):
        Gallery.open(tmp_path / "j").add_manifest(other, manifest)
