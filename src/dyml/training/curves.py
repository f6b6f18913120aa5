"""The curves of a run as one CSV file that survives interruptions."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from dyml.files import atomic_path


class CurveLogger(Logger):
    """Writes logged values to a CSV file: columns `step`, then one for every name; blank where not logged.

    Unlike Lightning's CSVLogger it goes on with the file that it finds, without the rows behind the step that
    the run is resumed from.

    Args:
        file: the CSV file.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.rows: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        """The name of the log."""
        return self.file.stem

    @property
    def version(self) -> str:
        """There is one version of a file."""
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Settings are kept in the run's config.yaml."""

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Keep values; values of one step share a row."""
        step = step or 0
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step})
        self.rows[-1].update(metrics)

    def go_on_from(self, step: int) -> None:
        """Take up the file's rows before a step."""
        if self.file.exists() and step > 0:
            with self.file.open(newline="", encoding="utf-8") as file:
                old = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
            self.rows = [{**row, "step": int(row["step"])} for row in old if int(row["step"]) < step]

    @rank_zero_only
    def save(self) -> None:
        """Write the file, whole."""
        columns = ["step", *sorted({name for row in self.rows for name in row} - {"step"})]
        with atomic_path(self.file) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)
