"""The sets of the study and for how long each method is trained on them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dyml.errors import ConfigError, RunError, suggest
from dyml.study.methods import Method
from dyml.training.config import Config
from dyml.training.settings import load_config, read_yaml, shipped_config

SETS = ("glyphs", "grocery", "omniglot")
BUILT_IN = "glyphs"

PROXY_RATE = 1e-3
"""The rate of the proxies of every method, on the shipped sets."""

BUDGETS: dict[str, dict[str, dict[str, Any]]] = {
    # The shipped configurations as they are: 100 to 160 s a run on one core.
    "full": {name: {} for name in SETS},
    # A narrower network and fewer epochs: 30 to 45 s a run on one core.
    "short": {
        "glyphs": {"model.backbone_args": {"width": 12}, "train.epochs": 5},
        "grocery": {"model.backbone_args": {"width": 16}, "train.epochs": 20},
        "omniglot": {"model.backbone_args": {"width": 16}, "train.epochs": 36},
    },
    # To see that all works; the figures mean nothing.
    "trial": {name: {"model.backbone_args": {"width": 4}, "train.epochs": 1} for name in SETS},
}
ELSEWHERE: dict[str, dict[str, Any]] = {"full": {}, "short": {}, "trial": {"train.epochs": 1}}
"""The same for a set that is a configuration of the user's own."""


DECIDED_BY_RUN = {"train.precision": "auto", "data.channel_order": None}
"""Settings that a run writes down as it found them, where they have this value."""


@dataclass(frozen=True)
class StudySet:
    """One set of pictures, with the configuration that it is trained with.

    Attributes:
        name: short, for folders and tables.
        file: its configuration.
        root: the folder of pictures; None where the configuration says it.
    """

    name: str
    file: Path
    root: Path | None = None


def choose_sets(names: Iterable[str], data: Path | None) -> tuple[StudySet, ...]:
    """Return the sets of these names: shipped ones, or YAML files of the user's.

    Args:
        names: of SETS, or configuration files.
        data: the folder that holds `grocery/` and `omniglot/`.

    Raises:
        ConfigError: there is no such set, or it needs `data`.
        RunError: its folder is missing.
    """
    sets = []
    for name in names:
        if name in SETS:
            sets.append(StudySet(name, shipped_config(name), _root(name, data)))
        elif name.endswith((".yaml", ".yml")):
            sets.append(StudySet(Path(name).stem, shipped_config(name)))
        else:
            raise ConfigError(
                f"no set {name!r}.{suggest(name, SETS)} There are: {', '.join(SETS)}; or name a "
                f"configuration, FILE.yaml"
            )
    if len({chosen.name for chosen in sets}) < len(sets):
        raise ConfigError(f"two sets have the same name: {', '.join(chosen.name for chosen in sets)}")
    return tuple(sets)


def _root(name: str, data: Path | None) -> Path | None:
    if name == BUILT_IN:
        return None
    if data is None:
        raise ConfigError(
            f"the pictures of {name} are not built in: name the folder that holds {name}/ with --data, or "
            f"leave it out with --sets {BUILT_IN}"
        )
    if not (data / name).is_dir():
        raise RunError(f"{data} holds no folder {name}: name the folder that does with --data")
    return data / name


def study_config(chosen: StudySet, method: Method, seed: int, budget: str, threads: int = 1) -> Config:
    """Return the configuration of one run: the set's, the budget's, the method's, in this order.

    Raises:
        ConfigError: a setting does not fit, or there is no such budget.
    """
    if budget not in BUDGETS:
        raise ConfigError(f"no budget {budget!r}.{suggest(budget, BUDGETS)} There are: {', '.join(BUDGETS)}")
    sections: dict[str, Any] = read_yaml(chosen.file)
    options: dict[str, Any] = {**sections, "loss": dict(method.loss)}
    options |= BUDGETS[budget].get(chosen.name, ELSEWHERE[budget])
    if chosen.root is not None:
        options["data.root"] = str(chosen.root)
    if chosen.name in SETS:
        options["optim.proxy_lr"] = PROXY_RATE
    options |= {"train.seed": seed, "train.threads": threads}
    options |= {**method.settings, **method.sets.get(chosen.name, {})}
    config = load_config(None, options)
    if config.data.test is None:
        raise ConfigError(f"{chosen.file}: the study judges every run: name the split of data.test")
    return config


def differences(found: Config, wanted: Config) -> dict[str, tuple[Any, Any]]:
    """Return in what a run's settings differ from those wanted, by dotted name: (found, wanted).

    What changes no result is left aside: where pictures lie, threads, how often a checkpoint is written; and
    what is wanted as the run decides it.
    """
    first, second = (_flat(config.model_dump(mode="json")) for config in (found, wanted))
    aside = {"data.root", "train.threads", "train.checkpoint_minutes"}
    aside |= {name for name, value in DECIDED_BY_RUN.items() if second.get(name) == value}
    return {
        name: (first.get(name), second.get(name))
        for name in sorted({**first, **second})
        if name not in aside and first.get(name) != second.get(name)
    }


def _flat(value: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": one for section, keys in value.items() for key, one in keys.items()}
