"""`dyml export`."""

from pathlib import Path
from typing import Annotated

import typer

from dyml.cli.options import SOURCE, ManifestName


def export(
    source: Annotated[str, typer.Argument(metavar="MODEL", help=SOURCE)],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="OUT.onnx",
            help="The file; by default model.onnx (or model.int8.onnx) in the model folder.",
            show_default=False,
        ),
    ] = None,
    opset: Annotated[int, typer.Option("--opset", help="Of ONNX, 18 to 23.")] = 20,
    int8: Annotated[
        bool, typer.Option("--int8", help="8-bit integers: smaller; the loss in mAP is printed.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            "--check",
            help="A folder of labelled pictures to judge on; for --int8 by default the run's own.",
        ),
    ] = None,
    manifest: ManifestName = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Its rows; by default the run's test split, or all.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Pictures at a time.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Write a model as ONNX, to be run without PyTorch, and what its pictures need as JSON beside it.

    Its input is pictures as bytes, (batch, channels, side, side); scaling, mean and std are inside. It is
    compared with PyTorch, and not written if a number differs by more than 0.0001.

    **Examples**

    `dyml export runs/grocery`

    `dyml export runs/grocery small.onnx --int8 --data pictures`
    """
    import json

    from dyml.export.checking import loss_table
    from dyml.export.exporting import export_source

    if manifest is not None and data is None:
        from dyml.errors import ConfigError

        raise ConfigError("--data.manifest names a table in --data: name the folder, too")
    made = export_source(source, out, opset, int8, data, manifest, split, batch_size)
    agreement, described = made.agreement, made.description
    size = made.file.stat().st_size
    if as_json:
        value = {
            "file": str(made.file),
            "bytes": size,
            "difference": agreement.difference,
            "description": described.model_dump(mode="json"),
            "results": {name: result.to_dict() for name, result in made.results.items()},
        }
        typer.echo(json.dumps(value, indent=1, allow_nan=False))
        return
    typer.echo(
        f"{made.file}: {described.precision}, {size / 1e6:,.1f} MB, opset {described.opset}; "
        f"{described.channels} x {described.image_size} x {described.image_size} bytes to "
        f"{described.dim} numbers\n"
        f"float32 agrees with PyTorch to {agreement.difference:.1g} on {agreement.pictures} pictures"
    )
    if made.results:
        typer.echo(f"\n{loss_table(made.results)}")
    elif int8:
        typer.echo("What int8 costs in mAP was not measured: name labelled pictures with --data")
