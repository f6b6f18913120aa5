"""`dyml eval RUN --official ROOT`: the protocol of DyML-Vehicle, -Animal and -Product."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dyml.metrics import Result

OfficialRoot = Annotated[
    Path | None,
    typer.Option("--official", help="Judge on this official set (DyML-Vehicle, …) by its own protocol."),
]


def judge_official_set(source: str, root: Path, others: dict[str, Any], batch_size: int) -> "Result":
    """Measure a run or model on an official set, as released or converted.

    Args:
        source: a run folder, a model folder, or `hub:NAME`.
        root: the set.
        others: by name, options that do not go with it; those that are given are refused.
        batch_size: pictures at a time.

    Raises:
        ConfigError: another option names the data, too.
        ManifestError: the folder is none of the sets, or a part is not there.
    """
    from dyml.errors import ConfigError
    from dyml.training.judge import open_source
    from dyml.training.official import judge_on_benchmark
    from dyml.training.precision import fastest_device

    for name, value in others.items():
        if value is not None:
            raise ConfigError(f"{name} does not go with --official, which names the data and what is judged")
    embedder, config = open_source(source)
    return judge_on_benchmark(embedder.to(fastest_device()), root, config, batch_size)
