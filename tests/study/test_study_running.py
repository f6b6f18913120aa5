"""Runs of a study: stopped ones go on, failed ones are named, times are kept and estimated."""

import json
import signal
from pathlib import Path

import lightning as L
import pytest
import torch

from dyml.errors import Interrupted, RunError
from dyml.study.budgets import choose_sets
from dyml.study.costs import read_costs
from dyml.study.estimate import Clock, clock_of, in_words
from dyml.study.execute import run_all
from dyml.study.method_files import choose_methods
from dyml.study.methods import Method
from dyml.study.plan import Task, make_plan
from dyml.study.records import read_run, read_runs
from dyml.study.running import peak_memory, read_record, reset_peak_memory, run_task
from study_sets import make_set


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("study"), epochs=2)


def tasks(squares: Path, runs: Path, methods: str = "csl", seeds: tuple[int, ...] = (0,)) -> list[Task]:
    sets = choose_sets([str(squares)], None)
    return make_plan(sets, choose_methods(methods.split(",")), seeds, runs, "full")


class SignalAt(L.Callback):
    """Sends this process a signal in the middle of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGINT)


def stop_at(patch: pytest.MonkeyPatch, step: int) -> None:
    usual = L.Trainer.__init__

    def init(self, *args, callbacks=(), **kwargs):  # type: ignore[no-untyped-def]
        usual(self, *args, callbacks=[*callbacks, SignalAt(step)] if callbacks else [], **kwargs)

    patch.setattr(L.Trainer, "__init__", init)


def test_a_stopped_study_goes_on_and_ends_the_same(squares: Path, tmp_path: Path) -> None:
    whole, stopped = (tasks(squares, tmp_path / name, "csl,tied") for name in ("whole", "stopped"))
    run_all(whole, lambda task: None)
    told: list[Task] = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(Interrupted, match="the same command goes on") as stop:
            run_all(stopped, told.append)
    assert stop.value.signal_number == signal.SIGINT
    assert told == []
    assert [task.state() for task in stopped] == ["begun", "new"]
    checkpoint = torch.load(stopped[0].folder.checkpoint, weights_only=True)
    assert checkpoint["global_step"] == 3
    before = read_record(stopped[0])["seconds"]
    run_all(stopped, told.append)
    assert told == stopped
    assert read_record(stopped[0])["seconds"] > before > 0
    for first, second in zip(whole, stopped):
        assert read_run(first).measures == read_run(second).measures
    assert run_task(stopped[0]) == read_record(stopped[0])


def test_a_run_that_was_killed_before_its_first_checkpoint_is_made_anew(
    squares: Path, tmp_path: Path
) -> None:
    (task,) = tasks(squares, tmp_path)
    run_all([task], lambda task: None)
    figures = read_run(task).measures
    for left in (task.folder.metrics, task.folder.checkpoint, task.record):
        left.unlink()
    assert task.state() == "begun"
    run_all([task], lambda task: None)
    assert read_run(task).measures == figures


def test_a_run_that_fails_is_named(squares: Path, tmp_path: Path) -> None:
    wild = Method(
        "wild", "Wild", {"type": "dyml.losses.CrossScaleLoss"}, {"optim.lr": 1e30, "optim.warmup": 0}
    )
    plan = make_plan(choose_sets([str(squares)], None), [wild], [0], tmp_path, "full")
    with pytest.raises(RunError, match=r"squares  Wild  seed 0: the loss is .* at step"):
        run_all(plan, lambda task: None)


def test_figures_that_cannot_be_read_are_named(squares: Path, tmp_path: Path) -> None:
    plan = tasks(squares, tmp_path)
    plan[0].folder.path.mkdir(parents=True)
    plan[0].folder.metrics.write_text('{"test": 3}')
    with pytest.raises(RunError, match=r"metrics\.json cannot be read as figures"):
        read_run(plan[0])
    plan[0].folder.metrics.write_text(
        '{"test": {"fine": {"mAP": 0.5, "queries": 3}, "protocol": {"rule": "x"}}}'
    )
    record = read_run(plan[0])
    assert record.measures == {"fine": {"mAP": 0.5}}
    assert (record.seconds, record.speed) == (None, None)


def test_what_is_not_done_is_left_out(squares: Path, tmp_path: Path) -> None:
    assert read_runs(tasks(squares, tmp_path)) == []


def test_a_plan_goes_seed_by_seed(squares: Path, tmp_path: Path) -> None:
    plan = tasks(squares, tmp_path, "csl,tied", (3, 1))
    assert [(task.seed, task.method.key) for task in plan] == [
        (3, "csl"),
        (3, "tied"),
        (1, "csl"),
        (1, "tied"),
    ]
    assert [task.config.train.seed for task in plan] == [3, 3, 1, 1]
    assert plan[1].folder.path == tmp_path / "full" / "squares" / "tied" / "seed3"


def test_times_are_estimated_from_a_few_steps_then_from_finished_runs(squares: Path, tmp_path: Path) -> None:
    plan = tasks(squares, tmp_path, "csl,tied", (0, 1))
    clock = clock_of(plan, steps=1)
    tried = [clock.seconds(task) for task in plan]
    assert all(seconds is not None and 0 < seconds < 60 for seconds in tried)
    assert not tmp_path.joinpath("full").exists()
    plan[0].folder.path.mkdir(parents=True)
    plan[0].folder.metrics.write_text("{}")
    plan[0].record.write_text(json.dumps({"seconds": 90.0}))
    known = clock_of(plan, steps=1)
    assert known.tried == {}
    assert [known.seconds(task) for task in plan] == [90.0] * 4


def test_a_clock_corrects_its_trials(squares: Path, tmp_path: Path) -> None:
    csl, tied, *_ = plan = tasks(squares, tmp_path, "csl,tied", (0, 1))
    clock = Clock({("squares", "csl"): 10.0, ("squares", "tied"): 30.0})
    assert clock.remaining(plan) == 80.0
    assert clock.remaining(plan, workers=2) == 40.0
    assert clock.remaining([csl, tied], workers=2) == 30.0
    clock.note(csl, 20.0)
    clock.note(csl, None)
    assert clock.seconds(csl) == 20.0
    assert clock.seconds(tied) == 60.0  # the trials of this set were half of what it took
    assert clock.remaining([]) == 0.0
    assert Clock().remaining(plan) is None


def test_times_in_words() -> None:
    assert [in_words(s) for s in (0, 59.4, 59.9, 3570, 3600, 7325)] == [
        "0 s",
        "59 s",
        "60 s",
        "1 h 00 min",
        "1 h 00 min",
        "2 h 02 min",
    ]


def test_the_peak_is_counted_anew() -> None:
    held = torch.ones(2**24)  # 64 MiB
    high = peak_memory()
    del held
    reset_peak_memory()
    if Path("/proc/self/clear_refs").exists():
        assert peak_memory() <= high
    assert peak_memory() > 2**20


def test_costs_that_are_none(tmp_path: Path) -> None:
    file = tmp_path / "losses.json"
    assert read_costs(file) is None
    file.write_text('{"losses": 3}')
    with pytest.raises(RunError, match=r"losses\.json is not what benchmarks/losses\.py writes"):
        read_costs(file)
    file.write_text('{"losses": {}, "words": "B 4"}')
    assert read_costs(file) == {"losses": {}, "words": "B 4"}
