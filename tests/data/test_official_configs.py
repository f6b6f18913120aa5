"""The shipped configurations of the official sets: each loads, builds, and holds the published settings."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from dyml.data import Manifest
from dyml.data.official import convert, read_release
from dyml.data.official.layout import SETS
from dyml.data.official.published import PUBLISHED_ROWS, config_name
from dyml.models.heads import ScaleHead
from dyml.taxonomy import Taxonomy
from dyml.training import Config, load_config
from dyml.training.build import build_embedder, build_loss, build_optimizer, build_sampler
from dyml.training.datamodule import PictureData
from dyml.training.settings import shipped_config
from official_sets import SCALES, make_set

FOLDER = Path(__file__).parents[2] / "configs" / "official"
PARTS = ("cosface", "circle", "triplet", "npair", "multi_similarity")
LOSSES = (*PARTS, "csl", "cosface_fine", "happier", "msa")
CONFIGS = [f"{name}_{loss}" for name in SETS for loss in LOSSES]
OFFLINE: dict[str, object] = {"model.pretrained": False}


def stand_in() -> Manifest:
    """Return 560 pictures' rows of a tree with as few coarse classes as Vehicle and Animal have."""
    fine = np.arange(560) % 140
    labels = np.stack([fine, fine // 5, fine // 30], axis=1)
    names = [[str(i) for i in range(count)] for count in (140, 28, 5)]
    tree = Taxonomy.from_labels(labels, SCALES, names)
    return Manifest(Path("nowhere"), [f"{i}.jpg" for i in range(560)], labels, ["train"] * 560, tree)


def method(name: str) -> str:
    return name.partition("_")[2]


def test_there_is_one_for_every_set_and_loss() -> None:
    assert sorted(file.stem for file in FOLDER.glob("*.yaml")) == sorted(CONFIGS)
    for set_name in SETS:
        for row in PUBLISHED_ROWS:
            assert shipped_config(config_name(set_name, row.method)).is_file()


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_builds_all_its_parts(name: str) -> None:
    manifest = stand_in()
    # The stand-in has five coarse classes, where Product has 36.
    few = {"sampler.per_class": [4, 4, 21]} if name.startswith("product") and method(name) in PARTS else {}
    config = load_config(FOLDER / f"{name}.yaml", OFFLINE | few)
    msa = method(name) == "msa"
    dim = 513 if msa else 512
    with torch.device("meta"):
        embedder = build_embedder(config, manifest.taxonomy)
        optimizer = build_optimizer(config.optim, embedder, build_loss(config, manifest.taxonomy))
    assert embedder.dim == dim
    assert isinstance(embedder.layer_norm, nn.Identity if msa else nn.LayerNorm)
    assert isinstance(embedder.projection, ScaleHead) is msa
    assert (embedder.image_size, embedder.resize) == (224, 256)
    rates = {
        config.optim.lr,
        config.optim.head_lr or config.optim.lr,
        config.optim.proxy_lr or config.optim.lr,
    }
    assert {group["lr"] for group in optimizer.param_groups} == rates

    batch = next(iter(build_sampler(config, manifest)))
    labels = torch.from_numpy(manifest.labels[batch])
    vectors = nn.functional.normalize(torch.randn(len(batch), dim), dim=1).requires_grad_()
    loss = build_loss(config, manifest.taxonomy)
    taught = () if not msa else (torch.randn(len(batch), dim), torch.randn(len(batch), dim))
    loss(vectors, labels, *taught).backward()
    assert vectors.grad is not None
    assert torch.isfinite(vectors.grad).all()
    assert len(batch) == (252 if method(name) in PARTS else 256)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_holds_the_published_settings(name: str) -> None:
    config = load_config(FOLDER / f"{name}.yaml")
    product, animal = name.startswith("product"), name.startswith("animal")
    assert config.optim.warmup == 0
    assert config.model.pretrained is not animal
    assert config.model.backbone == ("resnet34" if animal else "resnet34.tv_in1k")
    assert config.model.freeze_batch_norm is product
    assert config.augment.crop_scale == (0.16, 1.0)
    assert config.augment.flip == 0.5
    assert config.data.scales == SCALES
    assert config.data.test == ("test" if product else None)
    assert str(config.data.root) == f"dyml_{name.split('_')[0]}"
    assert config.optim.lr * config.optim.end == pytest.approx(1e-5 if product else 1e-6)
    if method(name) != "msa":
        assert config.optim.type == "torch.optim.SGD"
        assert config.optim.args == {"momentum": 0.9, "nesterov": True}
        assert config.optim.lr == (0.01 if product else 0.1)
        assert (config.optim.head_lr, config.optim.rest) == ((0.02, 5) if product else (None, 0))
        assert config.optim.weight_decay == 1e-4
        assert config.train.epochs == (20 if product else 100)


def test_each_method_has_its_own_published_settings() -> None:
    def of(name: str) -> Config:
        return load_config(FOLDER / f"{name}.yaml")

    for name in SETS:
        assert of(f"{name}_csl").loss.args == {"margins": [0.25, 0.35, 0.45], "scale": 32}
    happier = [of(f"{name}_happier") for name in SETS]
    assert [config.loss.args["cluster"] for config in happier] == [0.1, 0.5, 0.1]
    assert {config.loss.args["offset"] for config in happier} == {1.44}
    assert [config.optim.proxy_lr for config in happier] == [None, None, 0.02]
    msa = [of(f"{name}_msa") for name in SETS]
    assert [config.loss.args["proxies"] for config in msa] == [[2, 20, 4], [28, 4, 2], [22, 3, 2]]
    assert [config.loss.args["margin"] for config in msa] == [0.1, 0, 0]
    assert [config.loss.args["alignment"] for config in msa] == [0.75, 0.75, 0.1]
    assert [config.optim.lr for config in msa] == [0.001, 0.01, 0.01]
    assert [config.optim.weight_decay for config in msa] == [2e-4, 5e-5, 1e-4]
    assert [config.train.epochs for config in msa] == [70, 100, 20]


@pytest.mark.parametrize("name", ["vehicle", "product"])
def test_a_converted_set_is_ready_to_train(tmp_path: Path, name: str) -> None:
    root = make_set(tmp_path / f"dyml_{name}", name)
    convert(read_release(root))
    small = {"data.root": root, "sampler.batch_size": 24, "data.size": 16}
    config = load_config(FOLDER / f"{name}_csl.yaml", OFFLINE | small)
    data = PictureData(config)
    assert len(data.train) == 96
    if name == "product":
        assert data.test is not None
        assert len(data.test) == 36
    else:
        assert data.test is None
    assert data.train.scales == SCALES
    assert data.train.full_path(0).is_file()
    assert data.batches_per_epoch == 4


def test_manifests_elsewhere_are_trained_on_by_their_whole_path(tmp_path: Path) -> None:
    root = make_set(tmp_path / "dyml_animal", "animal")
    convert(read_release(root), tmp_path / "out")
    options = {
        "data.root": root,
        "data.manifest": str(tmp_path / "out/manifest.csv"),
        "sampler.batch_size": 24,
    }
    data = PictureData(load_config(FOLDER / "animal_csl.yaml", OFFLINE | options))
    assert data.train.root == root
    assert data.train.full_path(0).is_file()
