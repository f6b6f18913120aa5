"""`dyml reproduce`: a published row, run again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from dyml.training.reproduction import Reproduction

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
NAMES = "vehicle, animal or product"
METHODS = ("triplet", "npair", "multi-similarity", "cosface", "circle", "csl", "happier", "msa")


def reproduce(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="SET", help=f"{NAMES.capitalize()}.", show_default=False)],
    data: Annotated[
        Path,
        typer.Option("--data", help="The set as unpacked, or the manifests that `dyml data official` wrote."),
    ],
    method: Annotated[str, typer.Option("--method", "-m", help=f"One of {', '.join(METHODS)}.")] = "csl",
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Fewer or more passes than was published.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="The run folder; by default runs/SET_METHOD.")
    ] = None,
    manifests: Annotated[
        Path | None,
        typer.Option("--manifests", help="Write manifests here, where the set must not be written to."),
    ] = None,
    despite_problems: Annotated[
        bool, typer.Option("--despite-problems", help="Go on with a set that is not as published.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Train a published method on an official set, judge it by the set's protocol, and compare.

    Checks the set, writes its manifests where there are none, trains by the shipped configuration
    (`configs/official`), judges, and prints the row beside the published ones. The run folder keeps it as
    reproduction.json. A run that was stopped goes on when the command is given again. Every setting is an
    option, too: `--section.key VALUE`; what is not as shipped is named in the outcome.

    **Examples**

    `dyml reproduce vehicle --data dyml_vehicle`

    `dyml reproduce animal --data dyml_animal --method happier --train.devices 4`
    """
    from rich.console import Console

    from dyml.training import reproduction
    from dyml.training.settings import parse_options

    options = parse_options(context.args)
    if epochs is not None:
        options["train.epochs"] = epochs
    console = Console(stderr=True)
    with console.status(f"checking {data}"):
        folder = reproduction.ready_set(name, data, manifests, despite_problems)
    config, changed = reproduction.settings_of(name, method, folder, options)
    target = run or Path("runs") / f"{name}_{method}"

    def say(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    done = reproduction.reproduce(name, method, config, target, changed, say)
    if as_json:
        typer.echo(json.dumps(done.to_dict(), indent=1, ensure_ascii=False))
        return
    _print(done)


def _print(done: "Reproduction") -> None:
    from rich.console import Console

    from dyml.data.official.sizes import PUBLISHED
    from dyml.training.reproduction import RECORD

    typer.echo(done.result.table())
    typer.echo(f"\n{PUBLISHED[done.name].title}: means over the scales, in per cent")
    Console().print(_table(done))
    if done.changed:
        typer.echo(f"Not as shipped: {', '.join(done.changed)}")
    typer.echo(f"Written to {done.run / RECORD}")


def _table(done: "Reproduction") -> "Table":
    from rich.table import Table

    from dyml.data.official.published import PUBLISHED_ROWS

    table = Table("method")
    for heading in ("ASI", "mAP", "R@1"):
        table.add_column(heading, justify="right")
    table.add_column("source")
    for row in PUBLISHED_ROWS:
        source = ", ".join(row.source.split(", ")[:2])
        style = "bold" if row.method == done.method else None
        table.add_row(row.title, *(f"{v:.1f}" for v in row.percent[done.name]), source, style=style)
    table.add_section()
    own = ("–" if value is None else f"{value:.1f}" for value in done.percent())
    table.add_row(done.method, *own, "this run", style="bold")
    return table
