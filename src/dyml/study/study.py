"""The whole study: plan, estimate, run, tell, write the page."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dyml.errors import RunError
from dyml.study.budgets import choose_sets
from dyml.study.estimate import Clock, clock_of, in_words
from dyml.study.execute import run_all
from dyml.study.method_files import choose_methods
from dyml.study.methods import Method
from dyml.study.plan import Task, make_plan
from dyml.study.records import Record, read_run, read_runs
from dyml.study.running import limit_threads, read_record
from dyml.study.tables import run_line, text_table

Say = Callable[[str], None]


@dataclass(frozen=True)
class Choice:
    """What is to be compared, and how; see `dyml study --help`."""

    sets: list[str]
    methods: list[str] | None
    methods_file: Path | None
    seeds: list[int]
    data: Path | None
    budget: str
    runs: Path
    out: Path
    workers: int = 1
    threads: int = 1
    reports: bool = False


def run_study(choice: Choice, dry_run: bool = False, report_only: bool = False, say: Say = print) -> None:
    """Run what is not done yet and write the page.

    Args:
        choice: what is to be compared.
        dry_run: say what would be run, and stop.
        report_only: run nothing; write the page from what is done.
        say: takes every line of text.

    Raises:
        ConfigError, RunError: a choice that does not fit, a folder of another study, a run that failed.
        Interrupted: a signal stopped it.
    """
    methods = choose_methods(choice.methods, choice.methods_file)
    sets = choose_sets(choice.sets, choice.data)
    tasks = make_plan(sets, methods, choice.seeds, choice.runs, choice.budget, choice.threads)
    for task in tasks:
        task.check_folder()
    if not report_only:
        left = [task for task in tasks if task.state() != "done"]
        say(
            f"{len(tasks)} runs ({len(sets)} sets × {len(methods)} methods × {len(choice.seeds)} seeds), "
            f"budget {choice.budget}: {len(tasks) - len(left)} done, {len(left)} to do"
        )
        limit_threads(choice.threads)
        clock = clock_of(tasks) if left else Clock()
        _say_estimate(left, clock, choice.workers, say)
        if dry_run:
            _say_plan(tasks, clock, say)
            return
        if left:
            _run(tasks, left, methods, clock, choice, say)
    records = read_runs(tasks)
    if not records:
        raise RunError(
            f"no run in {choice.runs / choice.budget} is done: run the study without --report-only"
        )
    from dyml.study.page import write_page

    write_page(choice.out, records, methods, tasks, choice.budget)
    for name in dict.fromkeys(record.set for record in records):
        say("\n" + text_table(records, methods, name))
    say(f"\nresults  {choice.out}")


def _run(
    tasks: list[Task], left: list[Task], methods: tuple[Method, ...], clock: Clock, choice: Choice, say: Say
) -> None:
    """Run what is left; after each run say its figures, the table of its set, and the time that is left."""
    records: list[Record] = read_runs(tasks)
    waiting = list(left)

    def told(task: Task) -> None:
        record = read_run(task)
        records.append(record)
        waiting.remove(task)
        clock.note(task, read_record(task).get("seconds"))
        say(f"\n[{len(tasks) - len(waiting)}/{len(tasks)}] {run_line(record, task.method.title)}")
        say(text_table(records, methods, record.set))
        if waiting:
            say(f"{in_words(clock.remaining(waiting, choice.workers))} left")
        sys.stdout.flush()

    console = Console(stderr=True)
    run_all(left, told, choice.workers, console if console.is_terminal else None, choice.reports)


def _say_estimate(left: list[Task], clock: Clock, workers: int, say: Say) -> None:
    if left:
        at_a_time = "" if workers == 1 else f", {workers} at a time"
        say(f"about {in_words(clock.remaining(left, workers))} to go{at_a_time}")


def _say_plan(tasks: list[Task], clock: Clock, say: Say) -> None:
    for task in tasks:
        say(
            f"{task.state():<6}{in_words(clock.seconds(task)):>9}  {task.chosen.name:<10} "
            f"{task.method.key:<18} seed {task.seed}  {task.folder.path}"
        )
