"""Checkpoints that survive a kill: one file, replaced whole, written between two steps."""

import time
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint, WeightAveraging
from torch import Tensor

from dyml.errors import RunError
from dyml.files import atomic_path
from dyml.training.folder import RunFolder
from dyml.training.stopping import StopSignals, interrupted


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, then renames; reads tensors and plain values, never a pickle."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint whole or not at all."""
        with atomic_path(path) as part:
            torch.save(checkpoint, part)

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            RunError: it cannot be read as one.
        """
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
            reason = str(error).partition("\n")[0]
            raise RunError(f"{path} cannot be read as a checkpoint: {reason}") from error


class Checkpoints(Checkpoint):
    """Saves `last.ckpt` every so many minutes, with the last batch of every epoch, and before a signal stops.

    It always saves at the same place in a step: after the weights, the averaged weights and the schedule have
    moved. So a resumed run goes on exactly behind the step that it holds.

    Args:
        folder: of the run.
        minutes: the longest time between two checkpoints.
        fingerprint: of the taxonomy; a checkpoint of another one is refused.
        signals: after one of them the run is saved and stops.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        folder: RunFolder,
        minutes: float,
        fingerprint: str,
        signals: StopSignals,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self.signals = folder.path, signals
        self.path = folder.checkpoint
        self.seconds = 60 * minutes
        self.fingerprint = fingerprint
        self.clock = clock
        self._saved_at = clock()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time; all ranks do so together, whatever their clocks say.

        Raises:
            Interrupted: a signal came.
        """
        due = trainer.is_last_batch or self.clock() - self._saved_at >= self.seconds
        stop = self.signals.number != 0
        if trainer.strategy.reduce_boolean_decision(due or stop, all=False):
            trainer.save_checkpoint(self.path)
            self._saved_at = self.clock()
            if trainer.strategy.reduce_boolean_decision(stop, all=False):
                raise interrupted(self.folder, self.signals.number)

    def on_validation_batch_end(self, *_: Any, **__: Any) -> None:
        """Stop where a signal came: the last checkpoint holds all that was learned.

        Raises:
            Interrupted: a signal came.
        """
        if self.signals.number:
            raise interrupted(self.folder, self.signals.number)

    def state_dict(self) -> dict[str, Any]:
        """Return what the file needs to be recognised by."""
        return {"fingerprint": self.fingerprint}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Refuse the checkpoint of another taxonomy."""
        check_fingerprint(state_dict["fingerprint"], self.fingerprint, self.path)


def check_fingerprint(saved: str, here: str, path: Path) -> None:
    """Raise RunError unless a checkpoint was made with the taxonomy in use."""
    if saved != here:
        raise RunError(
            f"{path} was made with another taxonomy ({saved}) than the data here gives ({here}): the "
            f"classes, their names or the training split have changed. Resume with the data it was "
            f"started with, or start a new run"
        )


class AveragedWeights(WeightAveraging):
    """Keeps an exponential moving average of the weights; validation and the final model use it.

    The decay grows from 0.1 to `decay` over the first steps, so that the start is forgotten soon. Integer
    buffers are copied, not averaged.

    Args:
        decay: the share of the old average that every step keeps.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
            if not averaged.is_floating_point():
                return current
            share = min(decay, (1 + int(steps)) / (10 + int(steps)))
            return torch.lerp(current, averaged, share)

        super().__init__(avg_fn=average)
