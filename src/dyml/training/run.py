"""A whole run: train, save the model, judge it, write the report; or take a stopped one up again."""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from rich.console import Console

from dyml.errors import ConfigError, DymlError, Interrupted, shortened
from dyml.files import write_json, write_text
from dyml.metrics import Result
from dyml.models import Embedder
from dyml.training.build import build_embedder, build_loss, build_optimizer
from dyml.training.checkpoints import AtomicCheckpointIO, AveragedWeights, Checkpoints, check_fingerprint
from dyml.training.config import Config
from dyml.training.curves import CurveLogger
from dyml.training.datamodule import PictureData, channel_order
from dyml.training.folder import RunFolder, describe_environment
from dyml.training.judge import judge_run
from dyml.training.module import EmbeddingModule, NotFinite
from dyml.training.official import check_benchmark, judge_run_on_benchmark, own_benchmark
from dyml.training.precision import decide_precision
from dyml.training.progress import ProgressLine
from dyml.training.settings import dump_text, load_config
from dyml.training.stopping import StopSignals, interrupted


@dataclass(frozen=True)
class Outcome:
    """What a run gives.

    Attributes:
        folder: where everything lies.
        result: the measures on the test split, or on an official set's own benchmark; None without either.
        baselines: the same for what it is compared with.
        speed: training pictures a second, checkpoints included; None where nothing was left to train.
    """

    folder: RunFolder
    result: Result | None
    baselines: dict[str, Result]
    speed: float | None = None


def train(
    config: Config, run: Path, console: Console | None = None, report: bool = True, baselines: bool = True
) -> Outcome:
    """Train from the start in a new folder.

    Args:
        config: the settings.
        run: a folder that does not exist, or is empty.
        console: where progress is shown; stderr by default.
        report: write report.html, too.
        baselines: judge the untrained network and raw pixels, too.

    Raises:
        RunError: the folder is in use or cannot be written, or the loss is not finite.
        Interrupted: a signal stopped it; `resume` goes on.
        ManifestError, ConfigError: the data or the settings do not fit.
    """
    folder = RunFolder(run)
    first = _is_first_process()  # on several devices every process comes here; the first one writes
    if first:
        folder.check_new()
    config = decided(config)
    data, module = _parts(config)
    if first:
        write_text(folder.config, dump_text(config))
    return _go(config, folder, data, module, console, report, baselines)


def resume(run: Path, console: Console | None = None, report: bool = True, baselines: bool = True) -> Outcome:
    """Go on with a run that was stopped, from its last checkpoint, with its own settings.

    Raises:
        RunError: there is no run, or its checkpoint belongs to another taxonomy or cannot be read.
        Interrupted: a signal stopped it again.
    """
    folder = RunFolder(run)
    folder.check_resumable()
    config = decided(load_config(folder.config))
    return _go(config, folder, *_parts(config), console, report, baselines)


def decided(config: Config) -> Config:
    """Replace what is left to the machine and to the data by what they say, so that the run keeps to it."""
    data = config.data.model_copy(update={"channel_order": channel_order(config.data)})
    return decide_precision(config.model_copy(update={"data": data}))


def _parts(config: Config) -> tuple[PictureData, EmbeddingModule]:
    """Make what a run consists of, so that what does not fit shows before the folder is touched."""
    if config.train.threads is not None:
        torch.set_num_threads(config.train.threads)
    data = PictureData(config)
    check_benchmark(config)
    taxonomy = data.train.taxonomy
    total_steps = data.batches_per_epoch * config.train.epochs
    embedder, loss = build_embedder(config, taxonomy), build_loss(config, taxonomy)
    build_optimizer(config.optim, embedder, loss)
    _trainer(config)
    return data, EmbeddingModule(config, embedder, loss, total_steps)


def _go(
    config: Config,
    folder: RunFolder,
    data: PictureData,
    module: EmbeddingModule,
    console: Console | None,
    report: bool,
    baselines: bool,
) -> Outcome:
    console = console or Console(stderr=True)
    if _is_first_process():
        write_json(folder.environment, describe_environment())
    else:
        console = Console(quiet=True)
    if data.shared:
        console.print(
            f"Note: this is no open-set test, since fine classes are in {config.data.train} and in "
            f"{config.data.test}: {shortened(data.shared)}. `dyml data split` makes an open-set one.",
            soft_wrap=True,
        )
    try:
        device, speed = _fit(config, folder, data, module, console)
        if said := data.faults.report():
            console.print(said, soft_wrap=True)
        if not _is_first_process():
            raise SystemExit(0)  # the first process judges for all
        with _going_on(folder):
            module.embedder.save_pretrained(folder.model)
            module.embedder.to(device)  # Lightning moves it to the processor at the end
            result, others = _judge(config, folder, data, module.embedder, console, report, baselines)
    except KeyboardInterrupt as error:
        raise interrupted(folder.path) from error
    return Outcome(folder, result, others, speed)


def _judge(
    config: Config,
    folder: RunFolder,
    data: PictureData,
    embedder: Embedder,
    console: Console,
    report: bool,
    baselines: bool,
) -> tuple[Result | None, dict[str, Result]]:
    """Judge on the test split or an official set's own benchmark; not at all where there is neither."""
    if data.test is not None:
        return judge_run(config, folder, data, embedder, console, report, baselines)
    benchmark = own_benchmark(config)
    if benchmark is None:
        console.print(
            f"There is no test split: not judged. `dyml eval {folder.path} --split NAME` judges it."
        )
        return None, {}
    return judge_run_on_benchmark(config, folder, embedder, benchmark), {}


def _fit(
    config: Config, folder: RunFolder, data: PictureData, module: EmbeddingModule, console: Console
) -> tuple[torch.device, float | None]:
    """Train to the end, from the checkpoint where there is one; return the device and pictures a second."""
    fingerprint, total_steps = data.train.taxonomy.fingerprint, module.total_steps
    checkpoint = folder.checkpoint if folder.checkpoint.exists() else None
    curves = CurveLogger(folder.curves)
    begin = 0 if checkpoint is None else _checkpoint_step(checkpoint, fingerprint)
    curves.go_on_from(begin)
    with _going_on(folder):
        data.load()
    progress, signals = ProgressLine(total_steps, console), StopSignals()
    callbacks: list[L.Callback] = [
        progress,
        Checkpoints(folder, config.train.checkpoint_minutes, fingerprint, signals),
    ]
    if config.train.ema is not None:
        callbacks.append(AveragedWeights(config.train.ema))
    with _quiet_lightning():
        trainer = _trainer(
            config,
            callbacks=callbacks,
            logger=[curves, TensorBoardLogger(folder.tensorboard, name="", version="")],
            log_every_n_steps=max(1, total_steps // 400),
        )
        started = time.perf_counter()
        try:
            with signals, _going_on(folder):
                trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except (KeyboardInterrupt, SystemExit) as error:  # Lightning turns signals into SystemExit
            raise interrupted(folder.path, signals.number) from error
    seconds, steps = time.perf_counter() - started, total_steps - begin
    if steps > 0:
        console.print(f"trained {steps:,} steps in {seconds:,.0f} s ({progress.speed:,.0f} pictures/s)")
    return trainer.strategy.root_device, progress.speed if steps > 0 else None


def _trainer(config: Config, logger: Any = False, **given: Any) -> L.Trainer:
    """Make the trainer of a run.

    Raises:
        ConfigError: the machine has no such devices, or they cannot compute so.
    """
    try:
        with _quiet_lightning():
            return L.Trainer(
                max_epochs=config.train.epochs,
                accelerator=config.train.accelerator,
                devices=config.train.devices,
                precision=config.train.precision,  # type: ignore[arg-type]  # never auto: it was decided
                logger=logger,
                plugins=[AtomicCheckpointIO()],
                check_val_every_n_epoch=config.train.validate_every,
                limit_val_batches=None if config.train.validate_every else 0,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                **given,
            )
    except (MisconfigurationException, ValueError) as error:
        settings = {name: getattr(config.train, name) for name in ("accelerator", "devices", "precision")}
        raise ConfigError(f"train: this machine cannot train with {settings}: {error}") from error


def _is_first_process() -> bool:
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def _checkpoint_step(path: Path, fingerprint: str) -> int:
    checkpoint: dict[str, Any] = AtomicCheckpointIO().load_checkpoint(path)
    for name, state in checkpoint["callbacks"].items():
        if name.startswith(Checkpoints.__name__):
            check_fingerprint(state["fingerprint"], fingerprint, path)
    return int(checkpoint["global_step"])


@contextmanager
def _going_on(folder: RunFolder) -> Iterator[None]:
    """Let errors that are mended outside, such as a bad picture or a full disk, say how the run goes on."""
    try:
        yield
    except (Interrupted, NotFinite):
        raise
    except DymlError as error:
        error.add_note(f"When that is mended, `dyml train --resume {folder.path}` goes on.")
        raise


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Keep what Lightning says to itself: advice on workers and devices that this run has already decided."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        try:
            yield
        finally:
            logger.setLevel(level)
