"""Run the tasks of a study, one after the other or several processes at a time, and say how far it is."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from rich.console import Console

from dyml.errors import DymlError, Interrupted, RunError
from dyml.study.plan import Task
from dyml.study.running import limit_threads, run_task

Told = Callable[[Task], None]


def run_all(
    tasks: Sequence[Task], told: Told, workers: int = 1, console: Console | None = None, report: bool = False
) -> None:
    """Run tasks that are not done.

    Args:
        tasks: what to run.
        told: called with each task that is done.
        workers: processes; 1 runs in this one, so that imports are paid once.
        console: where one worker shows its progress; None: nowhere.
        report: see `run_task`.

    Raises:
        Interrupted: a signal stopped the study; every run begun has a checkpoint.
        DymlError: a run failed; the text names it. The others that had begun are ended first.
    """
    if workers == 1:
        for task in tasks:
            try:
                run_task(task, console, report)
            except Interrupted as stop:
                raise _stopped(stop.signal_number) from stop
            except DymlError as error:
                raise RunError(f"{task.name}: {_text(error)}") from error
            told(task)
        return
    _run_in_processes(tasks, told, workers, report)


def _run_in_processes(tasks: Sequence[Task], told: Told, workers: int, report: bool) -> None:
    """Hand tasks out one at a time, so that a stop leaves none begun that need not be."""
    rest, running = list(tasks), dict[Future[tuple[str, str, int]], Task]()
    failed: list[tuple[Task, tuple[str, str, int]]] = []
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (tasks[0].config.train.threads,))
    with pool, _passing_on(pool) as stopped:
        while running or (rest and not failed and not stopped):
            while rest and len(running) < workers and not failed and not stopped:
                task = rest.pop(0)
                running[pool.submit(_run_quietly, task, report)] = task
            for future in wait(running, timeout=1.0, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                outcome = future.result()
                if outcome[0] == "done":
                    told(task)
                else:
                    failed.append((task, outcome))
    for task, (kind, text, number) in failed:
        if kind == "stopped" or stopped:
            raise _stopped(number or stopped[0])
        raise RunError(f"{task.name}: {text}")
    if stopped:
        raise _stopped(stopped[0])


def _start_worker(threads: int | None) -> None:
    limit_threads(threads or 1)


def _run_quietly(task: Task, report: bool) -> tuple[str, str, int]:
    """Run a task in a worker; errors come back as words, since some cannot be sent between processes."""
    try:
        run_task(task, None, report)
    except Interrupted as stop:
        return "stopped", str(stop), stop.signal_number
    except KeyboardInterrupt:
        return "stopped", "", signal.SIGINT
    except DymlError as error:
        return "failed", _text(error), 0
    return "done", "", 0


@contextmanager
def _passing_on(pool: ProcessPoolExecutor) -> Iterator[list[int]]:
    """Hand SIGINT and SIGTERM on to the workers, which save and stop; yield the list of those that came."""
    came: list[int] = []
    before: dict[int, Any] = {}

    def note(number: int, frame: object) -> None:
        came.append(number)
        for worker in list((getattr(pool, "_processes", None) or {}).values()):
            if worker.pid is not None and worker.is_alive() and (number == signal.SIGTERM or len(came) > 1):
                os.kill(worker.pid, signal.SIGTERM)  # Ctrl-C reaches them by itself

    if threading.current_thread() is threading.main_thread():
        before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stopped(number: int) -> Interrupted:
    return Interrupted("the study was interrupted; the same command goes on", number)


def _text(error: DymlError) -> str:
    return " ".join([str(error), *getattr(error, "__notes__", [])])
