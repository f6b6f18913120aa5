"""Train one task, and note the time and memory that it took."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from dyml.files import write_json
from dyml.study.plan import Task


def run_task(task: Task, console: Console | None = None, report: bool = False) -> dict[str, Any]:
    """Train and judge a task, from its checkpoint where there is one, unless it is done.

    Beside the files of every run it leaves `study.json`: seconds by the clock and of the
    processor, training pictures a second, and the greatest resident memory of the process. Time spent before
    an interruption is added.

    Args:
        task: what to run.
        console: where progress is shown; None: nowhere.
        report: judge the untrained network and raw pixels, too, and write the HTML report.

    Returns:
        What study.json holds.

    Raises:
        Interrupted: a signal stopped it; the same call goes on.
        DymlError: as of `dyml.training.train`.
    """
    from dyml.training.run import resume, train

    task.check_folder()
    if task.state() == "done":
        return read_record(task)
    console = console or Console(quiet=True)
    before, started, worked = read_record(task), time.perf_counter(), time.process_time()
    reset_peak_memory()
    speed = None
    try:
        if task.state() == "begun":
            outcome = resume(task.folder.path, console, report, baselines=report)
        else:
            outcome = train(task.config, task.folder.path, console, report, baselines=report)
        speed = outcome.speed
    finally:
        record = {
            "seconds": round((before.get("seconds") or 0.0) + time.perf_counter() - started, 2),
            "processor seconds": round(
                (before.get("processor seconds") or 0.0) + time.process_time() - worked, 2
            ),
            "pictures/s": before.get("pictures/s") if speed is None else round(speed, 1),
            "peak bytes": peak_memory(),
            "threads": task.config.train.threads,
        }
        if task.folder.path.is_dir():
            write_json(task.record, record)
    return record


def read_record(task: Task) -> dict[str, Any]:
    """Return what study.json of a task holds; nothing where it is missing or broken."""
    try:
        value = json.loads(task.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def reset_peak_memory() -> None:
    """Let `peak_memory` count anew, where the system can."""
    if Path("/proc/self/clear_refs").exists():
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            return


def peak_memory() -> int:
    """Return the greatest resident set of this process since the reset, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def limit_threads(threads: int) -> None:
    """Let this process compute with so many threads."""
    import torch

    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)
