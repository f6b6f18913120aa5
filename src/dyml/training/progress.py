"""The progress bar of a run: epoch, loss, pictures a second, time left."""

import time
from typing import Any

import lightning as L
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

SMOOTHING = 0.95


class ProgressLine(L.Callback):
    """Draws one bar over all steps on stderr, and a line for every validation.

    Where stderr is no terminal, prints a line every tenth of the run instead.
    """

    def __init__(self, total_steps: int, console: Console | None = None) -> None:
        self.total = total_steps
        self.console = console or Console(stderr=True)
        self.progress: Progress | None = None
        self.loss = float("nan")
        self.pictures = 0
        self.started = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar where the run stands."""
        self.started = time.perf_counter()
        self.pictures = 0
        if not self.console.is_terminal:
            return
        self.progress = Progress(
            _column("{task.description}"),
            BarColumn(bar_width=None),  # takes what the words leave, down to nothing
            TaskProgressColumn(table_column=Column(no_wrap=True)),
            _column("{task.fields[status]}"),
            TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
            _column("left"),
            console=self.console,
            expand=True,
        )
        self.progress.start()
        self.task = self.progress.add_task(
            "training", total=self.total, completed=trainer.global_step, status=""
        )

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        loss = float(outputs["loss"])
        self.loss = loss if self.loss != self.loss else SMOOTHING * self.loss + (1 - SMOOTHING) * loss
        self.pictures += len(batch[1]) * trainer.world_size
        epoch = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        if self.progress is not None:
            self.progress.update(
                self.task, completed=trainer.global_step, description=epoch, status=self.status()
            )
        elif trainer.global_step % max(1, self.total // 10) == 0:
            self.console.print(f"{epoch}  step {trainer.global_step:,}/{self.total:,}  {self.status()}")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the overall figures."""
        result = getattr(pl_module, "last_validation", None)
        if result is not None and not trainer.sanity_checking:
            overall = result.to_dict()["overall"]
            figures = "  ".join(f"{name} {100 * overall[name]:.1f}" for name in ("ASI", "mAP", "CMC@1"))
            self.console.print(f"epoch {trainer.current_epoch + 1}: validation overall  {figures}")

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the error stands on a line of its own."""
        self.close()

    def close(self) -> None:
        """Stop drawing."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None

    @property
    def speed(self) -> float:
        """Pictures a second since the start, validations and checkpoints included."""
        return self.pictures / max(1e-9, time.perf_counter() - self.started)

    def status(self) -> str:
        """Return the loss, smoothed, and the speed."""
        return f"loss {self.loss:.3f}  {self.speed:,.0f} pictures/s"


def _column(text: str) -> TextColumn:
    return TextColumn(text, table_column=Column(no_wrap=True))
