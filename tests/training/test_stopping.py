"""Runs that signals stop, and runs on several processes."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import lightning as L
import pytest
import torch
from tiny_runs import changed, quiet, weights

from dyml.errors import Interrupted
from dyml.training import Config, resume, train
from dyml.training import run as run_module
from dyml.training.settings import dump_text, load_config
from dyml.training.stopping import StopSignals


class SignalAt(L.Callback):
    """Sends this process a signal in the middle of a step."""

    def __init__(self, step: int, number: int) -> None:
        self.step, self.number = step, number

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(self.number)


class SignalInValidation(L.Callback):
    """Sends it while the validation pictures are embedded."""

    def on_validation_batch_start(self, *args: object) -> None:
        signal.raise_signal(signal.SIGINT)


def with_callback(monkeypatch: pytest.MonkeyPatch, callback: L.Callback) -> None:
    usual = L.Trainer.__init__

    def init(self, *args, callbacks=(), **kwargs):  # type: ignore[no-untyped-def]
        usual(self, *args, callbacks=[*callbacks, callback], **kwargs)

    monkeypatch.setattr(L.Trainer, "__init__", init)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_and_says_how_to_go_on(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    train(tiny, tmp_path / "whole", quiet(), report=False)
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        with_callback(patch, SignalAt(3, number))
        with pytest.raises(Interrupted, match=f"dyml train --resume {stopped}") as stop:
            train(tiny, stopped, quiet(), report=False)
    assert stop.value.signal_number == number
    assert torch.load(stopped / "last.ckpt", weights_only=True)["global_step"] == 4
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    resume(stopped, quiet(), report=False)
    ends = [weights(run) for run in (tmp_path / "whole", stopped)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_signal_during_validation_stops_there(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = changed(tiny, train__validate_every=1)
    with_callback(monkeypatch, SignalInValidation())
    with pytest.raises(Interrupted):
        train(config, tmp_path / "run", quiet(), report=False)
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 5


def test_an_interrupt_while_judging_says_how_to_go_on(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judging(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "judge_run", judging)
    with pytest.raises(Interrupted, match="--resume"):
        train(tiny, tmp_path / "run", quiet())


def test_a_second_signal_is_obeyed_at_once() -> None:
    with StopSignals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.number == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_the_handlers_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def enter() -> None:
        with StopSignals() as signals:
            seen.extend((signal.getsignal(signal.SIGINT), signals.number))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before, 0]


@pytest.mark.slow
def test_two_processes_train_one_run(tiny: Config, tmp_path: Path) -> None:
    config = changed(tiny, train__devices=2, train__accelerator="cpu", train__checkpoint_minutes=1e-9)
    file, run = tmp_path / "config.yaml", tmp_path / "run"
    file.write_text(dump_text(config))
    program = Path(sys.executable).with_name("dyml")
    command = [program, "train", "--config", file, "--run", run]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("overall ") == 1
    assert len((run / "curves.csv").read_text().splitlines()) > 2
    assert load_config(run / "config.yaml").train.devices == 2
    assert (run / "report.html").is_file()
