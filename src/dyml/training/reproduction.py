"""Reproduce a published row: check the set, train by the shipped settings, judge, and compare."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dyml.data.official import check_release, convert, official_folder, read_converted, read_release
from dyml.data.official.conversion import MARKER
from dyml.data.official.layout import checked_set
from dyml.data.official.published import MEASURES, PUBLISHED_ROWS, checked_method, config_name
from dyml.data.official.sizes import PUBLISHED
from dyml.errors import ConfigError, ManifestError, shortened
from dyml.files import write_json
from dyml.metrics import Result
from dyml.training.config import Config
from dyml.training.folder import RunFolder
from dyml.training.settings import differences, load_config, shipped_config

RECORD = "reproduction.json"
HOW_TO_GET = (
    "dyml does not download the official sets. Their authors say where they are: "
    "https://github.com/SupetZYK/DynamicMetricLearning. Unpack {title} so that the folder holds\n"
    "  train/label.csv and train/imgs/\n"
    "  {benchmark}\n"
    "and name it: dyml reproduce {name} --data FOLDER"
)
_BENCHMARKS = {"product": "mini-bmk_all_in_one/label.csv and mini-bmk_all_in_one/imgs/"}
_PAIRS = "bmk_fine/, bmk_middle/, bmk_coarse/, each with query.csv, gallery.csv, query/ and gallery/"


@dataclass(frozen=True)
class Reproduction:
    """What came of it.

    Attributes:
        name: vehicle, animal or product.
        method: csl, cosface, …
        run: the run folder.
        result: the measures by the set's own protocol.
        changed: the settings that are not the shipped ones, as `name value`.
    """

    name: str
    method: str
    run: Path
    result: Result
    changed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, beside the published rows, ready for JSON."""
        return {
            "set": self.name,
            "method": self.method,
            "run": str(self.run),
            "changed settings": list(self.changed),
            "percent": dict(zip(MEASURES, self.percent())),
            "result": self.result.to_dict(),
            "published": [
                {
                    "method": row.method,
                    "title": row.title,
                    "source": row.source,
                    "percent": dict(zip(MEASURES, row.percent[self.name])),
                }
                for row in PUBLISHED_ROWS
            ],
        }

    def percent(self) -> tuple[float | None, ...]:
        """Return ASI, mAP and CMC@1, means over the scales, in per cent."""
        values = [self.result.overall[measure] for measure in MEASURES]
        return tuple(None if value is None else 100 * value for value in values)


def ready_set(name: str, root: Path, manifests: Path | None = None, despite_problems: bool = False) -> Path:
    """Return the folder of a set's manifests; check the release and write them where there are none.

    Args:
        name: vehicle, animal or product.
        root: the set as released, or the folder that `dyml data official` wrote.
        manifests: where to write manifests; None: beside the pictures.
        despite_problems: go on without what is missing.

    Raises:
        ManifestError: the set is not there (the text says how to get it), is another one, or has problems.
    """
    title = PUBLISHED[checked_set(name)].title
    places = [place for place in (manifests, root) if place is not None]
    found = official_folder(*places)
    if found is None:
        what = "has no such set" if root.is_dir() else "is no folder"
        how = HOW_TO_GET.format(title=title, name=name, benchmark=_BENCHMARKS.get(name, _PAIRS))
        raise ManifestError(f"{root} {what}. {how}")
    if (found / MARKER).is_file():
        there = read_converted(found).name
        if there != name:
            raise ManifestError(f"{found} is the set {there}, not {name}")
        return found
    release = read_release(root, name)
    problems = check_release(release, compare_files=False).problems()
    if problems and not despite_problems:
        raise ManifestError(
            f"{root} is not {title} as published: {shortened(problems, 3)}. `dyml data official {root} --set "
            f"{name} --check` lists all; --despite-problems goes on without what is missing"
        )
    convert(release, manifests, skip_missing=despite_problems)
    return root if manifests is None else manifests


def settings_of(name: str, method: str, folder: Path, options: dict[str, Any]) -> tuple[Config, list[str]]:
    """Return the settings of a method on a set, and what is not as shipped.

    Args:
        name: vehicle, animal or product.
        method: csl, cosface, …
        folder: what `ready_set` returned.
        options: settings to lay over the shipped ones, by dotted name.

    Raises:
        ConfigError: an option is not known.
    """
    file = shipped_config(config_name(name, checked_method(method)))
    converted = read_converted(folder)
    place = {
        "data.root": str(converted.root.resolve()),
        "data.manifest": str((folder / "manifest.csv").resolve()),
    }
    config = load_config(file, place | options)
    return config, differences(load_config(file, place), config)


def reproduce(
    name: str,
    method: str,
    config: Config,
    run: Path,
    changed: list[str],
    say: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Train in a run folder, judge, and write it down; a stopped run goes on, a finished one stays as it is.

    Args:
        name: vehicle, animal or product.
        method: csl, cosface, …
        config: of the run.
        run: the run folder.
        changed: what is not as shipped, for the record.
        say: told what is done with a run that is there.

    Raises:
        ConfigError: the folder holds a run with other settings.
        RunError, Interrupted: as of `train` and `resume`.
    """
    from dyml.training.run import decided, resume, train

    folder = RunFolder(run)
    if folder.config.is_file():
        theirs, wanted = load_config(folder.config), decided(config)
        if config.train.precision == "auto":  # what the machine of then was fast at holds for the whole run
            precision = {"precision": theirs.train.precision}
            wanted = wanted.model_copy(update={"train": wanted.train.model_copy(update=precision)})
        other = differences(theirs, wanted)
        if other:
            raise ConfigError(
                f"{run} holds a run with other settings: wanted are {shortened(other)}. Name another folder "
                f"with --run"
            )
        done = folder.metrics.is_file()
        say(f"{run} {'is finished' if done else 'goes on'}")
        result = Result.from_json(folder.metrics) if done else resume(run, baselines=False).result
    else:
        result = train(config, run, baselines=False).result
    if result is None:
        raise ConfigError(f"{run} was not judged: leave data.test as it is shipped")
    reproduction = Reproduction(name, method, run, result, tuple(changed))
    write_json(run / RECORD, reproduction.to_dict())
    return reproduction
