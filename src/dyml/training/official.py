"""Runs on the official sets: their own benchmark is the test."""

from pathlib import Path

from dyml.data.official import official_folder, open_official, read_converted
from dyml.data.official.conversion import MARKER
from dyml.data.official.judging import judge_official
from dyml.files import write_json
from dyml.metrics import Result
from dyml.metrics.storage import write_values
from dyml.models import Embedder
from dyml.training.config import Config
from dyml.training.datamodule import channel_order, official_places
from dyml.training.folder import RunFolder


def own_benchmark(config: Config) -> Path | None:
    """Return where the benchmark opens that judges a run without a test split; None where there is none."""
    return None if config.data.test is not None else official_folder(*official_places(config.data))


def check_benchmark(config: Config) -> None:
    """Open the benchmark that will judge a run, so that what it lacks shows before the training.

    Raises:
        ManifestError: a part of it is not there.
    """
    benchmark = own_benchmark(config)
    if benchmark is not None:
        open_official(benchmark, benchmark_only=True)


def pair_benchmark(folder: Path) -> bool:
    """Return whether a folder is an official set that is judged on a query and a gallery set at each scale.

    So are Vehicle and Animal. Product, once converted, is a manifest with a test split like any other.
    """
    if official_folder(folder) is None:
        return False
    return not (folder / MARKER).is_file() or read_converted(folder).name != "product"


def judge_on_benchmark(
    embedder: Embedder, benchmark: Path, config: Config | None, batch_size: int = 256
) -> Result:
    """Measure an embedder by the protocol of an official set.

    Args:
        embedder: on the device to use.
        benchmark: the release, or a folder that `dyml data official` wrote.
        config: of the run that it comes from, whose channel order counts where the set itself records none.
        batch_size: pictures at a time.
    """
    recorded = (benchmark / MARKER).is_file()
    own = config is not None and benchmark in official_places(config.data)
    order = channel_order(config.data) if config is not None and (own or not recorded) else None
    return judge_official(embedder, benchmark, order, batch_size=batch_size, keep=True)


def judge_run_on_benchmark(config: Config, folder: RunFolder, embedder: Embedder, benchmark: Path) -> Result:
    """Measure a trained embedder by the protocol of its official set and write metrics.json.

    There is no report: no picture of such a benchmark is labelled at all scales.
    """
    result = judge_on_benchmark(embedder, benchmark, config, config.eval.batch_size)
    if result.per_query is not None:
        write_values(folder.metrics, result.per_query, result.classes)
    official = open_official(benchmark, benchmark_only=True)
    write_json(
        folder.metrics,
        {
            "test": result.to_dict(),
            "baselines": {},
            "split": None,
            "official": official.name,
            "channel order": channel_order(config.data),
            "pictures": sum(map(len, official.benchmarks.values())),
        },
    )
    return result
