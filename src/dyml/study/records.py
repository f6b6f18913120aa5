"""What the finished runs of a study say: read from their folders, kept as JSON and CSV."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dyml.errors import RunError
from dyml.study.plan import Task
from dyml.study.running import read_record
from dyml.study.statistics import Spread, spread

COUNTS = ("queries", "without relevant")


@dataclass(frozen=True)
class Record:
    """One finished run.

    Attributes:
        set: name of the set.
        method: short name of the method.
        seed: its seed.
        measures: by scale, "overall" and "multi": the measures as shares; None where there is none.
        seconds: from start to figures, by the clock; None where that was not noted, as everywhere below.
        worked: the same in seconds of the processor, which other work on the machine hardly changes.
        speed: training pictures a second.
        peak_bytes: greatest resident memory of its process.
    """

    set: str
    method: str
    seed: int
    measures: dict[str, dict[str, float | None]]
    seconds: float | None = None
    worked: float | None = None
    speed: float | None = None
    peak_bytes: int | None = None

    def value(self, scale: str, name: str) -> float | None:
        """Return one measure, or None."""
        return self.measures.get(scale, {}).get(name)


def read_run(task: Task) -> Record:
    """Read the figures of a finished run.

    Raises:
        RunError: its metrics.json is broken.
    """
    try:
        measures = json.loads(task.folder.metrics.read_text(encoding="utf-8"))["test"]
        rows = {
            part: {name: value for name, value in row.items() if name not in COUNTS}
            for part, row in measures.items()
            if part != "protocol"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{task.folder.metrics} cannot be read as figures: {error}. Remove it, and the run is "
            f"judged again"
        ) from error
    noted = read_record(task)
    return Record(
        task.chosen.name,
        task.method.key,
        task.seed,
        rows,
        noted.get("seconds"),
        noted.get("processor seconds"),
        noted.get("pictures/s"),
        noted.get("peak bytes"),
    )


def read_runs(tasks: Iterable[Task]) -> list[Record]:
    """Read all tasks that are done.

    Raises:
        RunError: a folder was made with other settings, or its metrics.json is broken.
    """
    records = []
    for task in tasks:
        if task.state() == "done":
            task.check_folder()
            records.append(read_run(task))
    return records


def scales_of(records: Sequence[Record]) -> list[str]:
    """Return the scales of some records of one set, fine to coarse."""
    return [part for part in records[0].measures if part not in ("overall", "multi")]


def spread_of(records: Iterable[Record], scale: str, name: str) -> Spread | None:
    """Return mean and spread of a measure over seeds, in percent; None where no run has it."""
    values = [value for record in records if (value := record.value(scale, name)) is not None]
    return spread([100 * value for value in values]) if values else None


def as_csv(records: Iterable[Record]) -> str:
    """Return one line a value: set, method, seed, scale, measure, value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["set", "method", "seed", "scale", "measure", "value"])
    for record in records:
        for scale, row in record.measures.items():
            for name, value in row.items():
                writer.writerow(
                    [record.set, record.method, record.seed, scale, name, "" if value is None else value]
                )
    return text.getvalue()


def as_json(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the records as plain dictionaries."""
    return [asdict(record) for record in records]
