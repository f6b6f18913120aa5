"""Losses that compare the network with its moving average: what is built, how it moves, how runs go on."""

from pathlib import Path

import lightning as L
import pytest
import torch
from tiny_runs import changed, quiet, same_weights
from torch import nn

from dyml import Embedder
from dyml.errors import ConfigError, Interrupted
from dyml.losses import SumLoss
from dyml.losses.protocols import Auxiliary
from dyml.models.heads import ScaleHead
from dyml.training import Config, resume, train
from dyml.training.build import build_embedder, build_loss, build_teacher
from dyml.training.checkpoints import AtomicCheckpointIO
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


class StopBefore(L.Callback):
    def on_before_optimizer_step(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step == 4:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_with_its_teacher(
    taught: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed(taught, train__checkpoint_minutes=1e-9, train__ema=0.8, train__validate_every=1)
    train(config, tmp_path / "whole", quiet(), report=False)
    usual = L.Trainer.__init__

    def init(self: L.Trainer, *args: object, callbacks: object = (), **kwargs: object) -> None:
        usual(self, *args, callbacks=[*callbacks, StopBefore()], **kwargs)  # type: ignore[misc, arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", init)
        with pytest.raises(Interrupted):
            train(config, tmp_path / "stopped", quiet(), report=False)
    saved = AtomicCheckpointIO().load_checkpoint(tmp_path / "stopped" / "last.ckpt")["current_model_state"]
    of_network, of_teacher = (saved[f"{name}.projection.weight"] for name in ("embedder", "teacher.average"))
    assert not torch.allclose(of_network, of_teacher, atol=1e-4)

    resume(tmp_path / "stopped", quiet(), report=False)
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")
    last = [
        AtomicCheckpointIO().load_checkpoint(tmp_path / name / "last.ckpt")["current_model_state"]
        for name in ("whole", "stopped")
    ]
    assert any(name.startswith("teacher.average_head") for name in last[0])
    for name, value in last[0].items():
        torch.testing.assert_close(last[1][name], value, rtol=1e-4, atol=1e-5)

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
        weights.append(AtomicCheckpointIO().load_checkpoint(run / "last.ckpt")["state_dict"])
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


def test_the_average_uses_the_statistics_of_the_batch_in_any_mode() -> None:
    network = embedder()
    teacher = Teacher(network, Auxiliary(6, 0.9))
    images = torch.rand(8, 3, 16, 16)
    network.train()
    student, taught = teacher(network.features(images), images)
    torch.testing.assert_close(student, taught)
    norms = [m for m in teacher.average.modules() if isinstance(m, nn.BatchNorm2d)]
    teacher.eval()
    assert norms
    assert all(norm.training for norm in norms)
    assert not teacher.average.training


def test_lengths_that_do_not_divide_name_the_option(taught: Config) -> None:
    taxonomy = open_manifest(taught.data).only("train").taxonomy
    wrong = changed(taught, model__dim=16)
    with pytest.raises(ConfigError, match="dim must be a multiple of the number of scales, 3; got 16"):
        build_embedder(wrong, taxonomy)
    with pytest.raises(ConfigError, match=r"loss: dim must be a multiple.*--loss\.NAME VALUE"):
        build_loss(wrong, taxonomy)
