"""Judge an embedder on pictures: after a run, or any time later."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from dyml.data.channels import SWAPPED
from dyml.data.manifest import Manifest, read_manifest
from dyml.data.official.opening import recorded_order
from dyml.errors import ConfigError, RunError
from dyml.files import write_json
from dyml.metrics import Result, evaluate
from dyml.metrics.storage import write_values
from dyml.models import Embedder
from dyml.models.embedding import embed_batches, embed_manifest
from dyml.training.build import build_embedder
from dyml.training.config import Config
from dyml.training.datamodule import PictureData, open_manifest
from dyml.training.folder import RunFolder
from dyml.training.official import judge_on_benchmark, own_benchmark, pair_benchmark
from dyml.training.precision import fastest_device
from dyml.training.settings import load_config

HUB = "hub:"
RAW_SIDE = 16
TRAINED = "trained"


def judge_run(
    config: Config,
    folder: RunFolder,
    data: PictureData,
    embedder: Embedder,
    console: Console,
    report: bool = True,
    baselines: bool = True,
) -> tuple[Result, dict[str, Result]]:
    """Measure a trained embedder and its baselines on the test pictures; write metrics.json and the report.

    Returns:
        The result, and the baselines' by name: the same network untrained, and raw pixels; none without
        `baselines`.
    """
    manifest = data.test
    assert manifest is not None
    vectors = _vectors(config, data, manifest, embedder, console, baselines)
    results = {
        name: evaluate(v, manifest.labels, scales=manifest.scales, keep=name == TRAINED)
        for name, v in vectors.items()
    }
    result, others = results[TRAINED], {name: r for name, r in results.items() if name != TRAINED}
    if result.per_query is not None:
        write_values(folder.metrics, result.per_query, result.classes)
    write_json(
        folder.metrics,
        {
            "test": result.to_dict(),
            "baselines": {name: baseline.to_dict() for name, baseline in others.items()},
            "split": config.data.test,
            "pictures": len(manifest),
        },
    )
    if report:
        from dyml.report import write_report

        console.print("writing the report …")
        write_report(
            folder.report,
            title=f"dyml: {folder.path.name}",
            result=result,
            embeddings=vectors[TRAINED],
            manifest=manifest,
            baselines=others,
            curves=folder.curves,
            settings=_settings(config, folder),
        )
    return result, others


def judge(
    source: str,
    root: Path | None = None,
    table: str | None = None,
    split: str | None = None,
    batch_size: int = 256,
    report: Path | None = None,
    measures: Sequence[str] = (),
) -> Result:
    """Measure the embedder of a run or model folder, leave-one-out, on a split of a manifest.

    Where the data are an official set with a query and a gallery set at each scale, and neither split nor
    table is named, it is judged on these.

    Args:
        source: a run folder, a model folder, or `hub:NAME`.
        root: the folder of pictures; None: the run's own.
        table: the manifest in it; None: the usual one.
        split: the rows to judge; None: the run's test split, or all rows where nothing names one; `all`: all.
        batch_size: pictures at a time.
        report: write an HTML report to this file.
        measures: more of them, as `evaluate` takes them.

    Raises:
        RunError: there is no run or model, no data is named, or the run has no test split.
        ConfigError: a report of what has no pictures labelled at all scales.
        ManifestError: the data cannot be read, or has no such split.
    """
    embedder, config = open_source(source)
    folder = RunFolder(Path(source))
    benchmark = None
    if root is not None and table is None and split is None and pair_benchmark(root):
        benchmark = root
    elif root is None and config is not None and split is None and config.data.test is None:
        benchmark = own_benchmark(config)
        if benchmark is None:
            raise RunError(
                f"{source} has no test split: name a split to judge with --split, `all` for every row"
            )
    if benchmark is not None:
        if report is not None:
            raise ConfigError(
                "--report needs pictures labelled at all scales; this benchmark has none. Leave it out"
            )
        if measures:
            raise ConfigError("--measures does not go with the benchmark of an official set. Leave it out")
        return judge_on_benchmark(embedder.to(fastest_device()), benchmark, config, batch_size)
    manifest = source_manifest(source, embedder, config, root, table)
    tested = config.data.test if config is not None and manifest.split is not None else None
    wanted = split or tested or "all"
    if wanted != "all":
        manifest = manifest.only(wanted)
    embeddings = embed_manifest(embedder.to(fastest_device()), manifest, batch_size, "embedding")
    result = evaluate(embeddings, manifest.labels, scales=manifest.scales, keep=True, measures=measures)
    if report is not None:
        from dyml.report import write_report

        write_report(
            report,
            title=f"dyml: {source}",
            result=result,
            embeddings=embeddings,
            manifest=manifest,
            curves=folder.curves if config is not None else None,
            settings=None if config is None else _settings(config, folder),
        )
    return result


def open_source(source: str) -> tuple[Embedder, Config | None]:
    """Load the embedder of a run folder, a model folder or `hub:NAME`, and the run's settings if it has some.

    Raises:
        RunError: it is none of these, or its training has not ended.
    """
    if source.startswith(HUB):
        return Embedder.from_pretrained(source.removeprefix(HUB)), None
    folder = RunFolder(Path(source))
    if not folder.path.is_dir():
        raise RunError(
            f"no run or model folder {source}. (A model on the Hugging Face hub is named {HUB}NAME.)"
        )
    if not folder.config.is_file():
        return Embedder.from_pretrained(folder.path), None
    if not folder.model.is_dir():
        raise RunError(f"{source} has no model yet: go on training with `dyml train --resume {source}`")
    return Embedder.from_pretrained(folder.model), load_config(folder.config)


def source_manifest(
    source: str, embedder: Embedder, config: Config | None, root: Path | None, table: str | None
) -> Manifest:
    """Read the pictures that a run or model is to be tried on.

    Args:
        source: what `open_source` opened, for the message.
        embedder: its scales order the columns where the run names none.
        config: the run's settings, if it is a run.
        root: the folder of pictures; None: the run's own.
        table: the manifest in it; None: the usual one.

    Raises:
        RunError: no data is named.
        ManifestError: the data cannot be read.
    """
    if root is not None:
        scales = config.data.scales if config is not None else None
        if scales is None and embedder.taxonomy is not None:
            scales = embedder.taxonomy.scales
        manifest = read_manifest(root if table is None else root / table, scales)
        return replace(manifest, channel_order=recorded_order((root / (table or "")).parent, root))
    if config is None:
        raise RunError(f"{source} is a model without data: name a folder of pictures with --data")
    return open_manifest(config.data)


def raw_pixels(images: Tensor) -> NDArray[np.float32]:
    """Return pictures (B, C, S, S) as their pixels, averaged to 16 × 16, less their mean: (B, D)."""
    pixels = adaptive_avg_pool2d(images.float(), min(RAW_SIDE, images.shape[-1])).flatten(1)
    return (pixels - pixels.mean(1, keepdim=True)).numpy()


def _vectors(
    config: Config,
    data: PictureData,
    manifest: Manifest,
    embedder: Embedder,
    console: Console,
    baselines: bool,
) -> dict[str, NDArray[np.float32]]:
    """Embed the test pictures, each decoded once, by the network, the same one untrained, and raw pixels."""
    ways: dict[str, Callable[[Tensor], NDArray[np.float32]]] = {
        TRAINED: lambda images: embed_batches(embedder, [images])
    }
    if baselines:
        untrained = build_embedder(config, manifest.taxonomy).to(embedder.mean.device)
        ways["untrained"] = lambda images: embed_batches(untrained, [images])
        ways["raw pixels"] = raw_pixels
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in ways}
    for images in track(
        data.test_batches(),
        "embedding test pictures",
        total=math.ceil(len(manifest) / config.eval.batch_size),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ):
        if manifest.channel_order == SWAPPED:
            images = images.flip(1)
        for name, way in ways.items():
            rows[name].append(way(images))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _settings(config: Config, folder: RunFolder) -> dict[str, Any]:
    """Return what the report says of how a run was made."""
    settings = config.model_dump(mode="json")
    if folder.environment.is_file():
        settings["environment"] = json.loads(folder.environment.read_text(encoding="utf-8"))
    return settings
