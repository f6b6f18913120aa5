"""The embedder: unit vectors from any backbone; model folders that come back the same, without pickles."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dyml.data import read_manifest, write_manifest
from dyml.errors import ConfigError, ImageError, InputError, RunError
from dyml.models import Embedder
from dyml.models.embedding import embed_batches, embed_manifest
from dyml.taxonomy import Taxonomy


def small(**options: object) -> Embedder:
    settings = {"backbone": "dyml_small", "dim": 12, "image_size": 16, "backbone_args": {"width": 4}}
    return Embedder(**{**settings, **options}).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("backbone", "args"),
    [
        ("dyml_small", {"width": 4}),
        ("resnet18", {}),
        ("convnext_atto", {}),
        ("vit_tiny_patch16_224", {"depth": 1}),
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1)}),
    ],
)
def test_every_layout_of_features_gives_unit_vectors(backbone: str, args: dict[str, object]) -> None:
    embedder = Embedder(backbone, dim=8, image_size=64, pooling="gem", backbone_args=args).eval()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        vectors = embedder(images)
    assert vectors.shape == (2, 8)
    assert vectors.dtype == torch.float32
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-6)


def test_bytes_and_unit_floats_are_the_same_picture() -> None:
    embedder = small()
    images = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8)
    assert torch.allclose(embedder(images), embedder(images.float() / 255), atol=1e-5)


def test_one_picture_is_a_batch_of_one() -> None:
    assert small()(torch.zeros(1, 3, 16, 16)).shape == (1, 12)


def test_vectors_stay_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        vectors = small()(torch.rand(2, 3, 16, 16))
    assert vectors.dtype == torch.float32
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [torch.zeros(3, 16, 16), torch.zeros(2, 1, 16, 16), torch.zeros(2, 3, 16, 16, dtype=torch.int64)],
)
def test_other_shapes_and_types_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(InputError, match="images must be"):
        small()(images)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backbone": "resnet81"}, "Did you mean 'resnet18'"),
        ({"backbone": "dyml_smal"}, "Did you mean 'dyml_small'"),
        ({"backbone_args": {"widht": 3}}, "does not take"),
        ({"pooling": "mean"}, "no pooling 'mean'"),
        ({"pretrained": True}, "no pretrained weights"),
    ],
)
def test_what_does_not_exist_is_named(options: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        small(**options)
    assert text in str(caught.value)


def test_a_model_folder_comes_back_the_same(tmp_path: Path) -> None:
    embedder = small(channels=1, layer_norm=True, pooling="gem", resize=20)
    embedder.taxonomy = Taxonomy.from_labels([[0, 0], [1, 0]], ("a", "b"), [["x", "y"], ["z"]])
    embedder.save_pretrained(tmp_path / "model")
    assert {"config.json", "model.safetensors", "taxonomy.json"} <= {
        p.name for p in (tmp_path / "model").iterdir()
    }
    again = Embedder.from_pretrained(tmp_path / "model")
    images = torch.rand(4, 1, 16, 16)
    assert torch.equal(again(images), embedder(images))
    assert again.taxonomy == embedder.taxonomy
    assert (again.resize, again.training) == (20, False)
    assert os.stat(tmp_path / "model" / "model.safetensors").st_mode & 0o444 == 0o444


def test_a_head_with_parts_comes_back_the_same(tmp_path: Path) -> None:
    embedder = small(head="scales", scales=3)
    embedder.save_pretrained(tmp_path)
    again = Embedder.from_pretrained(tmp_path)
    images = torch.rand(4, 3, 16, 16)
    assert torch.equal(again(images), embedder(images))
    parts = again(images).view(4, 3, 4)
    torch.testing.assert_close(parts.norm(dim=2), torch.full((4, 3), 3**-0.5))
    torch.testing.assert_close(again.project(again.features(images)), again(images))
    assert again.num_features == again.projection.in_features


def test_a_folder_from_before_there_were_heads_still_loads(tmp_path: Path) -> None:
    embedder = small()
    embedder.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    old = {key: value for key, value in config.items() if key not in ("head", "scales")}
    assert len(old) == len(config) - 2
    (tmp_path / "config.json").write_text(json.dumps(old))
    assert set(load_file(tmp_path / "model.safetensors")) >= {"projection.weight", "projection.bias"}
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(Embedder.from_pretrained(tmp_path)(images), embedder(images))


@pytest.mark.parametrize("options", [{}, {"head": "scales", "scales": 3}])
def test_an_exported_program_embeds_any_number_of_pictures(options: dict[str, object]) -> None:
    embedder = small(**options)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(embedder, (torch.rand(3, 3, 16, 16),), dynamic_shapes=({0: batch},))
    images = torch.rand(5, 3, 16, 16)
    torch.testing.assert_close(program.module()(images), embedder(images))


def test_loading_says_nothing_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small().save_pretrained(tmp_path)
    Embedder.from_pretrained(tmp_path)
    assert capsys.readouterr().out == ""


def test_published_weights_are_not_asked_for_again(tmp_path: Path) -> None:
    Embedder("resnet18", dim=4, image_size=32).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "pretrained": True}))
    assert Embedder.from_pretrained(tmp_path).dim == 4


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no model folder"):
        Embedder.from_pretrained(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"has no config\.json"):
        Embedder.from_pretrained(tmp_path)
    small().save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(RunError, match=r"model\.safetensors does not fit"):
        Embedder.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunError, match="is not JSON"):
        Embedder.from_pretrained(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    small().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "dim": 13}))
    with pytest.raises(RunError, match="does not fit"):
        Embedder.from_pretrained(tmp_path)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for i in range(7):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    write_manifest(
        {"path": [f"{i}.png" for i in range(7)], "fine": list("aabbccd")}, tmp_path / "manifest.csv"
    )
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_a_manifest_is_embedded_in_its_order(pictures: Path, batch_size: int) -> None:
    embedder = small()
    embedder.train()
    manifest = read_manifest(pictures)
    vectors = embed_manifest(embedder, manifest, batch_size)
    assert embedder.training
    assert vectors.shape == (7, 12)
    reverse = embed_manifest(embedder, manifest.subset(range(6, -1, -1)), batch_size)
    np.testing.assert_allclose(vectors, reverse[::-1], atol=1e-5)


def test_a_broken_picture_is_named(pictures: Path) -> None:
    (pictures / "3.png").write_bytes(b"")
    with pytest.raises(ImageError, match=r"3\.png"):
        embed_manifest(small(), read_manifest(pictures), 2)


def test_no_pictures_give_no_vectors() -> None:
    assert embed_batches(small(), []).shape == (0, 12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_pictures_of_any_float_meet_the_weights(dtype: torch.dtype) -> None:
    embedder = small().eval()
    images = torch.rand(2, embedder.channels, 32, 32)
    vectors = embedder(images.to(dtype))
    assert vectors.dtype == torch.float32
    torch.testing.assert_close(vectors, embedder(images), atol=0.05, rtol=0)


def test_a_picture_that_is_no_tensor_is_told_how_to_become_one() -> None:
    with pytest.raises(InputError, match=r"got ndarray.*eval_transform\("):
        small()(np.zeros((2, 3, 32, 32), np.uint8))  # type: ignore[arg-type]
