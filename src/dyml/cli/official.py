"""`dyml data official`: the three official sets, exactly as released."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyml.cli.problems import print_problems

if TYPE_CHECKING:
    from dyml.data.official import Converted, ReleaseCheck


def official(
    root: Annotated[
        Path, typer.Argument(help="The set as unpacked: holds train/ and its benchmark.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The folder for the manifests. Default: ROOT itself.", show_default=False),
    ] = None,
    channels: Annotated[
        str, typer.Option(help="stored, as the published results read them, or swapped (red and blue).")
    ] = "stored",
    name: Annotated[
        str | None,
        typer.Option(
            "--set", help="vehicle, animal or product. Default: it is recognised.", show_default=False
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check; write nothing.")] = False,
    despite_problems: Annotated[
        bool,
        typer.Option(
            "--despite-problems", help="Write in spite of problems; rows without a picture are left out."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
) -> None:
    """Recognise DyML-Vehicle, -Animal or -Product, check it, and write manifests without copying pictures.

    Counts are held against the published ones; pictures that are named but missing, or there but not named,
    are listed. Writes manifest.csv (for training), bmk_SCALE.csv for every scale (Vehicle and Animal),
    samples.png (both channel orders, for your eyes) and official.json.
    """
    from rich.console import Console

    from dyml.data.channels import checked_order
    from dyml.data.official import check_release, convert, read_release

    checked_order(channels)
    with Console(stderr=True).status(f"checking {root}"):
        release = read_release(root, name)
        report = check_release(release)
    problems = report.problems()
    written = None
    if not check and (despite_problems or not problems):
        with Console(stderr=True).status("writing manifests"):
            written = convert(release, out, channels, force, skip_missing=despite_problems)
    folder = root if out is None else out
    if as_json:
        value = report.to_dict()
        value["written"] = None if written is None else {"folder": str(folder), **written.manifests}
        typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
    else:
        _print(report)
        _print_written(folder, written, check)
    raise typer.Exit(1 if problems else 0)


def _print(report: "ReleaseCheck") -> None:
    from rich.console import Console
    from rich.table import Table

    typer.echo(f"{report.root}: {report.title}")
    table = Table("part", "what")
    for heading in ("here", "published"):
        table.add_column(heading, justify="right")
    last = ""
    for count in report.counts:
        if last and count.part != last:
            table.add_section()
        mark = {True: "", False: "  differs", None: ""}[count.agrees]
        name = "" if count.part == last else count.part
        table.add_row(name, count.what, f"{count.count:,}", f"{count.published or ''}{mark}")
        last = count.part
    Console().print(table)
    for note in report.notes():
        typer.echo(f"- {note}")
    print_problems(report.problems())


def _print_written(folder: Path, written: "Converted | None", check: bool) -> None:
    from dyml.data.official.conversion import SHEET

    if written is None:
        if not check:
            typer.echo(
                "Nothing was written. --despite-problems writes without the rows that have no picture."
            )
        return
    for name, rows in written.manifests.items():
        typer.echo(f"{folder / name}: {rows:,} rows")
    if (folder / SHEET).is_file():
        typer.echo(f"{folder / SHEET}: samples in both channel orders; chosen: {written.channels}")
    typer.echo(f"Pictures stay where they are, in {written.root}")
