"""`dyml gauge` and `dyml compare-images`."""

from pathlib import Path
from typing import Annotated

import typer

from dyml.cli.options import SOURCE, BatchSize, DataFolder, ManifestName

PRIOR = "`data`, `even`, or the chances of the same class, fine to coarse, with commas: 0.01,0.1,0.4."


def gauge(
    source: Annotated[str, typer.Argument(metavar="RUN_OR_MODEL", help=SOURCE)],
    data: DataFolder = None,
    manifest: ManifestName = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split",
            help="The rows: half of their classes to fit on, half to judge on. By default the validation "
            "split to fit on and the test split to judge on; without one, the halves of the test split. "
            "`all`: every row.",
        ),
    ] = None,
    prior: Annotated[str, typer.Option("--prior", help=f"How often pairs are the same: {PRIOR}")] = "data",
    far: Annotated[
        list[float] | None,
        typer.Option("--far", help="A rate of false accepts to make a mark for; repeatable."),
    ] = None,
    precision: Annotated[
        list[float] | None, typer.Option("--precision", help="A precision to make a mark for; repeatable.")
    ] = None,
    score: Annotated[
        str, typer.Option("--score", help="What chooses the calibration: log_loss or brier.")
    ] = "log_loss",
    bound: Annotated[
        float, typer.Option("--bound", help="The equal error rate below which a scale is resolved.")
    ] = 0.1,
    pairs: Annotated[
        int, typer.Option("--pairs", min=1, help="Pairs looked at for every number of shared scales.")
    ] = 100_000,
    replicates: Annotated[int, typer.Option("--replicates", min=0, help="Bootstrap replicates.")] = 200,
    unit: Annotated[
        str, typer.Option("--draw", help="What the bootstrap draws again: class (fine) or picture.")
    ] = "class",
    seed: Annotated[int, typer.Option("--seed", help="Of halves, samples and bootstrap.")] = 0,
    batch_size: BatchSize = 256,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The gauge's file; by default gauge.json in the model folder."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="The drawing; by default gauge.html in the run folder.")
    ] = None,
) -> None:
    """Gauge a model: from which similarity on two pictures are the same, at every scale, and how likely.

    Fits thresholds and probabilities on classes that were not trained on, judges them on others, writes
    gauge.json into the model folder and a drawing beside the run's report.

    **Examples**

    `dyml gauge runs/grocery`

    `dyml gauge runs/grocery/model --data other/pictures --split all --far 0.0001`
    """
    import json

    from dyml.gauge.criteria import DEFAULT
    from dyml.gauge.page import write_page
    from dyml.gauge.source import gauge_source
    from dyml.gauge.tables import gauge_text

    target, drawing = _targets(source, out, report)
    wanted = [*DEFAULT, *(f"far={rate!r}" for rate in far or ())]
    wanted += [f"precision={share!r}" for share in precision or ()]
    gauged = gauge_source(
        source,
        data,
        manifest,
        split,
        prior=_prior(prior),
        criteria=tuple(dict.fromkeys(wanted)),
        score=score,
        most=pairs,
        replicates=replicates,
        unit=unit,
        bound=bound,
        seed=seed,
        batch_size=batch_size,
    )
    file = gauged.gauge.save(target)
    write_page(gauged.gauge, gauged.sample, drawing, f"dyml: the gauge of {source}")
    if as_json:
        typer.echo(json.dumps(gauged.gauge.model_dump(mode="json"), indent=1, allow_nan=False))
    else:
        typer.echo(f"{gauge_text(gauged.gauge)}\n\nThe gauge:    {file}\nThe drawing:  {drawing}")


def compare_images(
    first: Annotated[Path, typer.Argument(metavar="A", help="A picture.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    model: Annotated[str, typer.Option("--model", help=f"{SOURCE} `dyml gauge` gives it a gauge.")],
    prior: Annotated[
        str,
        typer.Option(
            "--prior",
            help="What is known before: `even`, for two pictures that somebody picked (every number of "
            "shared scales is equally likely); `data`, for two drawn at random from data like those that "
            "were gauged; or the chances of the same class, fine to coarse, with commas.",
        ),
    ] = "even",
    criterion: Annotated[
        str,
        typer.Option(
            "--same",
            help="From where on they count as the same: p=0.5 (likelier than not), eer, f1, far=RATE or "
            "precision=SHARE.",
        ),
    ] = "p=0.5",
    gauge_file: Annotated[
        Path | None, typer.Option("--gauge", help="The gauge's file; by default the one of the model.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Compare two pictures: their similarity, and same or different at every scale, with the probability.

    **Example**

    `dyml compare-images a.jpg b.jpg --model runs/grocery`
    """
    import json

    from dyml.gauge import Gauge
    from dyml.gauge.compare import compare_images as compare
    from dyml.gauge.tables import comparison_text

    made = None if gauge_file is None else Gauge.load(gauge_file)
    comparison = compare(first, second, model, _prior(prior), criterion, made)
    if as_json:
        typer.echo(json.dumps(comparison.to_dict(), indent=1, allow_nan=False))
    else:
        typer.echo(comparison_text(comparison))


def _prior(text: str) -> "str | list[float]":
    """Read `data`, `even` or numbers with commas; anything else is refused where priors are made."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return text


def _targets(source: str, out: Path | None, report: Path | None) -> tuple[Path, Path]:
    """Return where the gauge and its drawing go."""
    from dyml.errors import ConfigError
    from dyml.gauge.storage import NAME
    from dyml.training.judge import HUB

    if out is None and source.startswith(HUB):
        raise ConfigError(f"{source} has no folder here to write into: name a file with --out")
    from dyml.gauge.source import model_folder

    target = model_folder(source) / NAME if out is None else out
    if report is not None:
        return target, report
    return target, (Path(source) / "gauge.html" if out is None else out.with_suffix(".html"))
