"""`dyml data duplicates`: pictures that are the same, byte for byte or to the eye."""

import json
from pathlib import Path
from typing import Annotated

import typer


def duplicates(
    manifest: Annotated[
        Path,
        typer.Argument(help="A manifest (.csv, .parquet) or the folder that holds it.", show_default=False),
    ],
    scales: Annotated[
        str | None,
        typer.Option(help="Label columns, fine to coarse, with commas. Default: all.", show_default=False),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="The folder of the paths, where it is not the manifest's.", show_default=False),
    ] = None,
    bits: Annotated[
        int, typer.Option(min=1, max=12, help="At most so many of 64 bits of the visual hashes differ.")
    ] = 8,
    similarity: Annotated[
        float, typer.Option(min=0, max=1, help="The least correlation of two pictures that look the same.")
    ] = 0.95,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write the pictures side by side as one HTML file.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; default one a processor.", show_default=False)
    ] = None,
) -> None:
    """Find pictures that are there twice: the same bytes, or the same to the eye; and leaks across the split.

    A test picture that was also trained on, perhaps smaller or coded anew, makes every figure too good. The
    command ends with 1 where something is in two splits, else with 0.
    """
    from dyml.data.duplicates import find_duplicates
    from dyml.data.duplicates_sheet import write_duplicates
    from dyml.data.manifest import find_manifest
    from dyml.progress import picture_bar

    names = None if scales is None else [name.strip() for name in scales.split(",")]
    with picture_bar("opening pictures") as (progress, _):
        report = find_duplicates(manifest, names, root, bits, similarity, workers, progress)
    if sheet is not None:
        write_duplicates(report, root or find_manifest(manifest).parent, sheet)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{report.manifest}: {report.pictures:,} pictures")
        for line in report.lines() or ["No duplicates found."]:
            typer.echo(f"- {line}")
        if sheet is not None:
            typer.echo(f"sheet   {sheet}")
    raise typer.Exit(1 if report.leaks else 0)
