"""`dyml eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyml.cli.official_eval import OfficialRoot, judge_official_set
from dyml.cli.options import SOURCE, BatchSize, DataFolder, ManifestName

if TYPE_CHECKING:
    from dyml.metrics import Result

CONTEXT: dict[str, bool] = {}
FORMATS = ("table", "json", "csv", "latex")


def evaluate(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help=SOURCE,
            show_default=False,
        ),
    ] = None,
    data: DataFolder = None,
    manifest: ManifestName = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="The rows to judge; by default the run's test split, `all` for every row."
        ),
    ] = None,
    batch_size: BatchSize = 256,
    official: OfficialRoot = None,
    embeddings: Annotated[
        Path | None,
        typer.Option("--embeddings", help="Judge these instead: .npy, .npz, .parquet or .safetensors."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", help="Their .csv or .parquet table: a row each, a column a scale."),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", help="Embeddings to search; else each asks for the others.")
    ] = None,
    gallery_labels: Annotated[
        Path | None, typer.Option("--gallery-labels", help="The table of the gallery.")
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option("--scales", help="With --labels: the label columns, fine to coarse, as fine,coarse."),
    ] = None,
    by_id: Annotated[
        bool, typer.Option("--by-id", help="With --labels: leave out what has the query's `id`.")
    ] = False,
    other_cameras: Annotated[
        bool,
        typer.Option(
            "--other-cameras", help="With --labels: leave out the query's own class in its own `camera`."
        ),
    ] = False,
    distractors: Annotated[
        bool, typer.Option("--distractors", help="With --labels: the label -1 is relevant to nothing.")
    ] = False,
    measures: Annotated[
        str | None,
        typer.Option("--measures", help="With --labels: more measures, as precision@10,MRR,NDCG@10."),
    ] = None,
    ci: Annotated[
        bool, typer.Option("--ci", help="Add 95 % confidence intervals: bootstrap over queries.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "table",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the JSON to this file, too, and every query's values beside it."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML report to this file, too.")
    ] = None,
) -> None:
    """Judge an embedder: every picture asks for the others of its class, at every scale.

    One row a scale and the overall row: CMC@k (also called Recall@k), mAP, ASI, mAP@R, R-precision; then the
    measures over all scales at once. Exact; equal similarities rank in the order of the manifest.

    **Examples**

    `dyml eval runs/grocery --ci`

    `dyml eval runs/grocery --data other/pictures --split all --json`

    `dyml eval --embeddings vectors.npy --labels labels.csv --scales species,genus`
    """
    from dyml.errors import ConfigError, suggest

    if form not in FORMATS:
        raise ConfigError(f"--format must be one of {', '.join(FORMATS)}.{suggest(form, FORMATS)}")
    ours = {"--data": data, "--data.manifest": manifest, "--split": split, "--report": report}
    files: dict[str, Any] = {"--labels": labels, "--gallery": gallery, "--gallery-labels": gallery_labels}
    files |= {"--scales": scales, "--by-id": by_id, "--other-cameras": other_cameras}
    files |= {"--distractors": distractors, "--measures": measures}
    if embeddings is None:
        if source is None:
            raise ConfigError("name a run or model to judge, or --embeddings FILE --labels FILE")
        _refuse(files, "goes with --embeddings alone")
        from dyml.training.judge import judge

        if official is not None:
            judged = judge_official_set(source, official, ours, batch_size)
        else:
            judged = judge(source, data, manifest, split, batch_size, report)
    else:
        ours["--official"] = official
        _refuse({source or "": source, **ours}, "does not go with --embeddings: these are judged as they are")
        judged = _judge_files(
            embeddings,
            labels,
            gallery,
            gallery_labels,
            scales,
            by_id=by_id,
            other_cameras=other_cameras,
            distractors=distractors,
            measures=(measures or "").split(",") if measures else (),
        )
    if out is not None:
        judged.to_json(out)
    typer.echo(_shown(judged, "json" if as_json else form, ci, source or str(embeddings)), nl=False)


def _refuse(options: dict[str, Any], why: str) -> None:
    from dyml.errors import ConfigError

    for name, value in options.items():
        if value:
            raise ConfigError(f"{name} {why}")


def _judge_files(
    embeddings: Path,
    labels: Path | None,
    gallery: Path | None,
    gallery_labels: Path | None,
    scales: str | None,
    **options: Any,
) -> "Result":
    from dyml.errors import ConfigError
    from dyml.metrics.from_files import Side, evaluate_files

    if labels is None:
        raise ConfigError("--embeddings needs --labels FILE: a table with a row for each, a column a scale")
    if (gallery is None) != (gallery_labels is None):
        raise ConfigError("--gallery and --gallery-labels come together: give both, or neither")
    other = None if gallery is None or gallery_labels is None else Side(gallery, gallery_labels)
    names = None if scales is None else [name.strip() for name in scales.split(",")]
    return evaluate_files(Side(embeddings, labels), other, scales=names, **options)


def _shown(result: "Result", form: str, ci: bool, name: str) -> str:
    import json

    from dyml.metrics.breakdown import intervals_table

    if form == "csv":
        return result.to_csv(result.intervals() if ci else None)
    if form == "latex":
        return result.to_latex(name)
    value: dict[str, Any] = result.to_dict()
    if form == "json":
        if ci:
            value["intervals"] = result.intervals()
        return json.dumps(value, indent=1, allow_nan=False) + "\n"
    text = result.table() + "\n"
    if ci:
        text += (
            "\n95 % intervals, bootstrap over queries\n" + intervals_table(result, result.intervals()) + "\n"
        )
    return text
