"""`dyml eval`."""

from pathlib import Path
from typing import Annotated

import typer

CONTEXT: dict[str, bool] = {}


def evaluate(
    source: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="A run folder, a model folder, or hub:NAME for one on the Hugging Face hub.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", "--data.root", help="The folder of pictures; by default the run's own."),
    ] = None,
    manifest: Annotated[
        str | None,
        typer.Option("--data.manifest", help="The table in it; by default manifest.csv or manifest.parquet."),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="The rows to judge; by default the run's test split, `all` for every row."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Pictures embedded at a time.")
    ] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file, too.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML report to this file, too.")
    ] = None,
) -> None:
    """Judge an embedder: every picture asks for the others of its class, at every scale.

    One row a scale and the overall row: CMC@k (also called Recall@k), mAP, ASI, mAP@R, R-precision; then the
    measures over all scales at once. Exact; equal similarities rank in the order of the manifest.

    **Examples**

    `dyml eval runs/grocery`

    `dyml eval runs/grocery --data other/pictures --split all --json`
    """
    import json

    from dyml.files import write_json
    from dyml.training.judge import judge

    judged = judge(source, data, manifest, split, batch_size, report)
    value = judged.to_dict()
    if out is not None:
        write_json(out, value)
    typer.echo(json.dumps(value, indent=1, allow_nan=False) if as_json else judged.table())
