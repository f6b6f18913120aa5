"""What tests of whole runs share."""

from io import StringIO
from pathlib import Path

import lightning as L
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from dyml.errors import Interrupted
from dyml.training import Config, train
from dyml.training.checkpoints import AtomicCheckpointIO


def quiet() -> Console:
    return Console(file=StringIO())


def changed(config: Config, **options: object) -> Config:
    value = config.model_dump(mode="json")
    for name, new in options.items():
        section, _, key = name.partition("__")
        value[section][key] = new
    return Config.model_validate(value)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same_weights(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(
        torch.allclose(first[name], second[name], rtol=1e-5, atol=1e-6) for name in first
    )


class StopBefore(L.Callback):
    """Kills a run in the middle of a step, as far as one process can do that to itself."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


def train_until(step: int, config: Config, run: Path) -> None:
    """Start a run that dies in the middle of a step, and leaves the checkpoint of the step before."""
    config = changed(config, train__checkpoint_minutes=1e-9)
    usual = L.Trainer.__init__

    def init(self, *args, callbacks=(), **kwargs):  # type: ignore[no-untyped-def]
        usual(self, *args, callbacks=[*callbacks, StopBefore(step)], **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", init)
        with pytest.raises(Interrupted):
            train(config, run, quiet(), report=False)


def checkpoint_state(run: Path) -> dict[str, torch.Tensor]:
    """Return the weights of the last checkpoint: those in training, not their average."""
    checkpoint = AtomicCheckpointIO().load_checkpoint(run / "last.ckpt")
    return checkpoint.get("current_model_state", checkpoint["state_dict"])


def assert_same_state(a: Path, b: Path) -> None:
    """Check that the last checkpoints of two runs hold the same weights, proxies and averages."""
    first, second = checkpoint_state(a), checkpoint_state(b)
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-4, atol=1e-5, msg=f"{name} differs")
