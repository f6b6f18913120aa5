"""Losses that compare the network with its moving average: what is built, how it moves, how runs go on."""

from pathlib import Path

import pytest
import torch
from tiny_runs import assert_same_state, changed, checkpoint_state, quiet, same_weights, train_until
from torch import nn

from dyml import Embedder
from dyml.errors import ConfigError
from dyml.losses import SumLoss
from dyml.losses.protocols import Auxiliary
from dyml.models.heads import ScaleHead
from dyml.training import Config, resume, train
from dyml.training.build import build_embedder, build_loss, build_teacher
from dyml.training.datamodule import open_manifest
from dyml.training.teacher import Teacher

LOSS = {"type": "dyml.losses.ScaleAggregationLoss", "proxies": 2, "momentum": 0.7, "outputs": 6}


@pytest.fixture
def taught(tiny: Config) -> Config:
    """A tiny run of the loss and the head that were made for each other, by configuration alone."""
    value = tiny.model_dump(mode="json")
    value["model"] |= {"head": "scales", "dim": 15}
    return Config.model_validate({**value, "loss": LOSS})


def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder("dyml_small", dim=6, image_size=16, backbone_args={"width": 4})


def test_a_stopped_run_goes_on_with_its_teacher(taught: Config, tmp_path: Path) -> None:
    config = changed(taught, train__ema=0.8, train__validate_every=1)
    train(config, tmp_path / "whole", quiet(), report=False)
    train_until(4, config, tmp_path / "stopped")
    saved = checkpoint_state(tmp_path / "stopped")
    of_network, of_teacher = (saved[f"{name}.projection.weight"] for name in ("embedder", "teacher.average"))
    assert not torch.allclose(of_network, of_teacher, atol=1e-4)

    resume(tmp_path / "stopped", quiet(), report=False)
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")
    assert_same_state(tmp_path / "whole", tmp_path / "stopped")
    assert any(name.startswith("teacher.average_head") for name in checkpoint_state(tmp_path / "stopped"))

    model = Embedder.from_pretrained(tmp_path / "whole" / "model")
    assert isinstance(model.projection, ScaleHead)
    assert model.projection.scales == 3
    parts = model(torch.rand(2, 3, 16, 16)).view(2, 3, 5)
    torch.testing.assert_close(parts.norm(dim=2), torch.full((2, 3), 3**-0.5))


def test_the_alignment_reaches_network_and_head(taught: Config, tmp_path: Path) -> None:
    weights = []
    for alignment in (0.0, 50.0):
        loss = {**LOSS, "alignment": alignment}
        config = Config.model_validate({**taught.model_dump(mode="json"), "loss": loss})
        run = tmp_path / str(alignment)
        train(changed(config, train__epochs=1), run, quiet(), report=False)
        weights.append(checkpoint_state(run))
    without, aligned = weights
    assert not any(name.startswith("teacher") for name in without)
    assert not torch.allclose(without["embedder.projection.weight"], aligned["embedder.projection.weight"])
    assert not torch.equal(aligned["teacher.head.weight"], aligned["teacher.average_head.weight"])


def test_losses_that_do_not_ask_get_no_teacher(tiny: Config, taught: Config) -> None:
    taxonomy = open_manifest(tiny.data).only("train").taxonomy
    assert build_teacher(tiny, embedder(), build_loss(tiny, taxonomy)) is None
    term = {**LOSS, "weight": 0.5}
    loss = SumLoss(taxonomy, 15, [{"type": "dyml.losses.CrossScaleLoss"}, term])
    assert loss.auxiliary == Auxiliary(6, 0.7)
    first, again = (build_teacher(taught, embedder(), loss) for _ in range(2))
    assert first is not None
    assert again is not None
    assert torch.equal(first.head.weight, again.head.weight)


def test_the_average_moves_by_its_momentum() -> None:
    network = embedder()
    teacher = Teacher(network, Auxiliary(6, 0.75))
    features = network.features(torch.rand(4, 3, 16, 16))
    before = teacher.average.projection.weight.clone()
    assert torch.equal(before, network.projection.weight)
    nn.init.zeros_(network.projection.weight)
    nn.init.ones_(teacher.head.bias)
    head = teacher.average_head.bias.clone()
    teacher.follow(network)
    torch.testing.assert_close(teacher.average.projection.weight, 0.75 * before)
    torch.testing.assert_close(teacher.average_head.bias, 0.75 * head + 0.25)
    assert not any(
        p.requires_grad for p in (*teacher.average.parameters(), *teacher.average_head.parameters())
    )
    student, taught = teacher(features, torch.rand(4, 3, 16, 16))
    assert student.shape == taught.shape == (4, 6)
    assert student.requires_grad
    assert not taught.requires_grad


def test_the_average_uses_the_statistics_of_the_batch_as_the_network_does() -> None:
    network = embedder()
    teacher = Teacher(network, Auxiliary(6, 0.9))
    images = torch.rand(8, 3, 16, 16)
    network.train()
    student, taught = teacher(network.features(images), images)
    torch.testing.assert_close(student, taught)
    norms = [m for m in teacher.average.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert all(norm.training for norm in norms)
    assert not teacher.average.training
    assert not teacher.eval().average.backbone.training
    assert not any(norm.training for norm in norms)


def test_lengths_that_do_not_divide_name_the_option(taught: Config) -> None:
    taxonomy = open_manifest(taught.data).only("train").taxonomy
    wrong = changed(taught, model__dim=16)
    with pytest.raises(ConfigError, match="dim must be a multiple of the number of scales, 3; got 16"):
        build_embedder(wrong, taxonomy)
    with pytest.raises(ConfigError, match=r"loss: dim must be a multiple.*--loss\.NAME VALUE"):
        build_loss(wrong, taxonomy)
