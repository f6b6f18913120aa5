"""`dyml eval`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyml.cli import eval_options as given
from dyml.cli.official_eval import OfficialRoot, judge_official_set
from dyml.cli.options import SOURCE, BatchSize, DataFolder, ManifestName

if TYPE_CHECKING:
    from dyml.metrics import Result

CONTEXT: dict[str, bool] = {}
FORMATS = ("table", "json", "csv", "latex")

Source = Annotated[str | None, typer.Argument(metavar="RUN_OR_MODEL", help=SOURCE, show_default=False)]
Split = Annotated[
    str | None,
    typer.Option("--split", help="The rows to judge; by default the run's test split, `all` for every row."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
Form = Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write the JSON to this file, too, and every query's values beside it."),
]
Report = Annotated[Path | None, typer.Option("--report", help="Write an HTML report to this file, too.")]


def evaluate(
    source: Source = None,
    data: DataFolder = None,
    manifest: ManifestName = None,
    split: Split = None,
    batch_size: BatchSize = 256,
    official: OfficialRoot = None,
    embeddings: given.Embeddings = None,
    labels: given.Labels = None,
    gallery: given.GalleryFile = None,
    gallery_labels: given.GalleryLabels = None,
    scales: given.Scales = None,
    by_id: given.ById = False,
    other_cameras: given.OtherCameras = False,
    distractors: given.Distractors = False,
    similarity: given.Similarity = "cosine",
    measures: given.Measures = None,
    ci: given.Intervals = False,
    per_class: given.PerClass = None,
    worst: given.Worst = 5,
    as_json: AsJson = False,
    form: Form = "table",
    out: Out = None,
    report: Report = None,
) -> None:
    """Judge an embedder: every picture asks for the others of its class, at every scale.

    One row a scale and the overall row: CMC@k (also called Recall@k), mAP, ASI, mAP@R, R-precision; then the
    measures over all scales at once. Exact; equal similarities rank in the order of the manifest.

    What a query leaves out of its list, the table says as its protocol: itself without --gallery, nothing
    with it, the same picture with --by-id.

    **Examples**

    `dyml eval runs/grocery --ci`

    `dyml eval runs/grocery --data other/pictures --split all --json`

    `dyml eval runs/grocery --measures precision@10,MRR --per-class classes.csv`

    `dyml eval --embeddings vectors.npy --labels labels.csv --scales species,genus`

    `dyml eval --embeddings q.npy --labels q.csv --gallery g.npy --gallery-labels g.csv --by-id`
    """
    from dyml.errors import ConfigError, suggest

    if form not in FORMATS:
        raise ConfigError(f"--format must be one of {', '.join(FORMATS)}.{suggest(form, FORMATS)}")
    ours = {"--data": data, "--data.manifest": manifest, "--split": split, "--report": report}
    files = given.FileOptions(embeddings, labels, gallery, gallery_labels, scales, by_id)
    rest = {"--other-cameras": other_cameras, "--distractors": distractors}
    more = given.listed(measures)
    if embeddings is None:
        if source is None:
            raise ConfigError("name a run or model to judge, or --embeddings FILE --labels FILE")
        other = None if similarity == "cosine" else similarity
        given.refuse({**files.given, **rest, "--similarity": other}, "goes with --embeddings alone")
        if official is not None:
            given.refuse({"--measures": measures, "--per-class": per_class}, "does not go with --official")
            judged = judge_official_set(source, official, ours, batch_size)
        else:
            from dyml.training.judge import judge

            judged = judge(source, data, manifest, split, batch_size, report, more)
    else:
        ours["--official"] = official
        why = "does not go with --embeddings: these are judged as they are"
        given.refuse({source or "": source, **ours}, why)
        judged = _judge_files(files, other_cameras, distractors, similarity, more)
    if out is not None:
        judged.to_json(out)
    shown = "json" if as_json else form
    typer.echo(_shown(judged, shown, ci, source or str(embeddings)), nl=False)
    if per_class is not None:
        text = _classes(judged, per_class, worst, _class_names(files, source, data, manifest))
        typer.echo(f"\n{text}", nl=False, err=shown != "table")


def _judge_files(
    files: given.FileOptions,
    other_cameras: bool,
    distractors: bool,
    similarity: str,
    measures: list[str],
) -> "Result":
    from dyml.metrics.from_files import evaluate_files

    return evaluate_files(
        *files.sides(),
        scales=files.names(),
        by_id=files.by_id,
        other_cameras=other_cameras,
        distractors=distractors,
        measures=measures,
        similarity=similarity,
    )


def _class_names(
    files: given.FileOptions, source: str | None, root: Path | None, table: Path | str | None
) -> dict[str, list[str]] | None:
    """Return the names of the classes by scale, in the order of their ids, where they are known."""
    if files.embeddings is not None:
        from dyml.metrics.from_files import class_names

        return class_names(*files.sides(), scales=files.names())
    from dyml.training.judge import open_source, source_manifest

    assert source is not None
    embedder, config = open_source(source)
    names = source_manifest(source, embedder, config, root, None if table is None else str(table)).taxonomy
    return None if names.names is None else dict(zip(names.scales, map(list, names.names)))


def _classes(result: "Result", file: Path, worst: int, names: dict[str, list[str]] | None) -> str:
    """Write the measures of every class; return the table of the worst."""
    from dyml.errors import ConfigError
    from dyml.files import write_text
    from dyml.metrics.class_table import classes_csv, worst_classes

    if result.classes is None:
        raise ConfigError(
            "--per-class needs queries that are labelled at all scales; this benchmark has none"
        )
    write_text(file, classes_csv(result, names))
    return worst_classes(result, worst, names)


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
