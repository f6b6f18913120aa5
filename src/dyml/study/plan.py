"""What is to be run: one task for each set, method and seed, and how far its folder is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dyml.errors import ConfigError, RunError
from dyml.study.budgets import StudySet, differences, study_config
from dyml.study.methods import Method
from dyml.training.config import Config
from dyml.training.folder import RunFolder
from dyml.training.settings import load_config

State = Literal["new", "begun", "done"]


@dataclass(frozen=True)
class Task:
    """One run of the study.

    Attributes:
        chosen: the set.
        method: the method.
        seed: of weights, batches and augmentation.
        config: the settings in full.
        folder: its run folder.
    """

    chosen: StudySet
    method: Method
    seed: int
    config: Config
    folder: RunFolder

    @property
    def name(self) -> str:
        """Set, method and seed in words."""
        return f"{self.chosen.name}  {self.method.title}  seed {self.seed}"

    @property
    def record(self) -> Path:
        """The file with the time and memory that it took."""
        return self.folder.path / "study.json"

    def state(self) -> State:
        """Return how far the run folder is."""
        if self.folder.metrics.is_file():
            return "done"
        return "begun" if self.folder.config.is_file() else "new"

    def check_folder(self) -> None:
        """Raise RunError where the folder holds a run of other settings: figures must not be mixed."""
        if self.state() == "new":
            return
        found = differences(load_config(self.folder.config), self.config)
        if found:
            name, (there, here) = next(iter(found.items()))
            raise RunError(
                f"{self.folder.path} was made with other settings: {name} is {there!r} there and {here!r} "
                f"here. Remove that folder, or choose another with --runs"
            )


def make_plan(
    sets: Sequence[StudySet],
    methods: Sequence[Method],
    seeds: Iterable[int],
    runs: Path,
    budget: str,
    threads: int = 1,
) -> list[Task]:
    """Return all tasks, seed by seed, so that a study stopped early has compared all methods at one seed.

    Raises:
        ConfigError: no seeds, one of them twice or negative; a setting that does not fit.
    """
    wanted = list(seeds)
    if not wanted or len(set(wanted)) < len(wanted) or min(wanted) < 0:
        raise ConfigError(f"seeds must be different whole numbers from 0 up; got {wanted}")
    return [
        Task(
            chosen,
            method,
            seed,
            study_config(chosen, method, seed, budget, threads),
            RunFolder(runs / budget / chosen.name / method.key / f"seed{seed}"),
        )
        for seed in wanted
        for chosen in sets
        for method in methods
    ]
