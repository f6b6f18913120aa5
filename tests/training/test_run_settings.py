"""Settings of published runs: the rate of the head, a resting backbone, frozen norms, channels, no test."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import changed, quiet, weights

from dyml.data import read_manifest
from dyml.errors import ConfigError, RunError
from dyml.losses import CrossScaleLoss
from dyml.training import Config, train
from dyml.training.build import build_embedder, build_optimizer
from dyml.training.datamodule import PictureData
from dyml.training.judge import judge
from dyml.training.settings import differences, load_config


def first_weights(config: Config) -> dict[str, torch.Tensor]:
    taxonomy = read_manifest(config.data.root or "").only("train").taxonomy
    return build_embedder(config, taxonomy).state_dict()


def test_the_head_has_its_own_rate(tiny: Config) -> None:
    taxonomy = read_manifest(tiny.data.root or "").taxonomy
    config = changed(tiny, optim__head_lr=0.5, optim__lr=0.25, optim__proxy_lr=0.125)
    embedder, loss = build_embedder(config, taxonomy), CrossScaleLoss(taxonomy, config.model.dim)
    groups = build_optimizer(config.optim, embedder, loss).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert {rates[id(p)] for p in embedder.backbone.parameters()} == {0.25}
    assert {rates[id(p)] for p in embedder.projection.parameters()} == {0.5}
    assert {rates[id(p)] for p in loss.parameters()} == {0.125}
    assert len(rates) == len([*embedder.parameters(), *loss.parameters()])
    assert {g["weight_decay"] for g in groups if any(p.ndim <= 1 for p in g["params"])} == {0}


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor], part: str) -> set[bool]:
    names = [name for name in after if part in name and "running" not in name and "num_batches" not in name]
    return {not torch.equal(before[name], after[name]) for name in names}


def test_a_backbone_that_rests_does_not_move_until_it_may(tiny: Config, tmp_path: Path) -> None:
    for epochs, backbone in ((2, {False}), (3, {True})):
        config = changed(tiny, optim__rest=2, train__epochs=epochs, optim__weight_decay=0.1)
        train(config, tmp_path / str(epochs), quiet(), report=False, baselines=False)
        before, after = first_weights(config), weights(tmp_path / str(epochs))
        assert moved(before, after, "backbone.") == backbone
        assert moved(before, after, "projection.") == {True}


def test_frozen_norms_keep_their_statistics(tiny: Config, tmp_path: Path) -> None:
    for frozen in (True, False):
        config = changed(tiny, model__freeze_batch_norm=frozen, train__validate_every=1)
        train(config, tmp_path / str(frozen), quiet(), report=False, baselines=False)
        before, after = first_weights(config), weights(tmp_path / str(frozen))
        statistics = [name for name in after if "backbone." in name and "running_mean" in name]
        assert statistics
        assert {torch.equal(before[name], after[name]) for name in statistics} == {frozen}
        assert moved(before, after, "backbone.") == {True}


def test_a_run_without_a_test_split_ends_without_figures(tiny: Config, tmp_path: Path) -> None:
    run = tmp_path / "run"
    outcome = train(changed(tiny, data__test=None), run, quiet(), report=False)
    assert outcome.result is None
    assert outcome.baselines == {}
    assert (run / "model").is_dir()
    assert not (run / "metrics.json").exists()
    with pytest.raises(RunError, match="has no test split: name a split to judge with --split"):
        judge(str(run))
    assert judge(str(run), split="test").scales == ("fine", "middle", "coarse")


def test_there_must_be_something_to_validate_on(tiny: Config) -> None:
    with pytest.raises(ConfigError, match=r"name a split with --data.validation, or leave out"):
        PictureData(changed(tiny, data__test=None, train__validate_every=1))
    watched = PictureData(changed(tiny, data__test=None, data__validation="test", train__validate_every=1))
    assert watched.validation is not None
    assert watched.test is None


@pytest.mark.parametrize("ram", [True, False])
def test_swapped_channels_are_those_of_pictures_turned_on_disk(
    tiny: Config, blobs: Path, tmp_path: Path, ram: bool
) -> None:
    turned = tmp_path / "turned"
    turned.mkdir()
    for file in blobs.iterdir():
        if file.suffix == ".png":
            Image.fromarray(np.asarray(Image.open(file).convert("RGB"))[..., ::-1].copy()).save(
                turned / file.name
            )
        elif file.is_file():
            (turned / file.name).write_bytes(file.read_bytes())
    plain = changed(tiny, data__ram=ram, train__validate_every=1, train__epochs=1)
    swapped = changed(plain, data__channel_order="swapped", data__root=str(turned))
    results = []
    for name, config in (("plain", plain), ("swapped", swapped)):
        outcome = train(config, tmp_path / name, quiet(), report=False, baselines=False)
        assert outcome.result is not None
        results.append(outcome.result.to_dict())
        assert judge(str(tmp_path / name)).to_dict() == results[-1]
    assert results[0] == results[1]
    one, other = weights(tmp_path / "plain"), weights(tmp_path / "swapped")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_grey_pictures_cannot_be_swapped(tiny: Config) -> None:
    with pytest.raises(ConfigError, match="grey pictures have no red and blue to swap"):
        PictureData(changed(tiny, data__channels=1, data__channel_order="swapped"))


def test_differences_name_what_the_other_has() -> None:
    one = load_config(None, {"loss.margins": [0.1, 0.2], "optim.lr": 0.5})
    other = load_config(None, {"optim.lr": 0.25, "data.test": None})
    assert differences(one, other) == ["data.test null", "loss.margins null", "optim.lr 0.25"]
    assert differences(one, one) == []
