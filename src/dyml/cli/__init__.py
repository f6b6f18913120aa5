"""The command line: it parses, calls the library, prints. Commands import what they need when they run."""

import sys
from typing import Annotated

import typer

from dyml import __version__
from dyml.cli import (
    compare,
    data,
    demo,
    evaluate,
    export,
    gauge,
    index,
    reproduce,
    serve,
    study,
    train,
    verify,
)
from dyml.errors import DymlError, Interrupted

app = typer.Typer(
    name="dyml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.command("train", context_settings=train.CONTEXT)(train.train)
app.command("eval", context_settings=evaluate.CONTEXT)(evaluate.evaluate)
app.command("reproduce", context_settings=reproduce.CONTEXT)(reproduce.reproduce)
app.command("verify")(verify.verify)
app.command("compare")(compare.compare)
app.command("demo")(demo.demo)
app.command("study")(study.study)
app.command("gauge")(gauge.gauge)
app.command("compare-images")(gauge.compare_images)
app.command("index")(index.index)
app.command("search")(index.search)
app.command("serve")(serve.serve)
app.command("export")(export.export)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dyml {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Dynamic metric learning: one image embedding whose distances work at several semantic scales at once.

    **Start here**

    - `dyml demo` trains on built-in glyphs and shows what comes out.

    - `dyml data scan FOLDER` makes a manifest of your pictures in `coarse/middle/fine/*.jpg`;
      `dyml data split` and `dyml data check` prepare it.

    - `dyml train --config photos --data.root FOLDER` trains; `dyml eval RUN` judges; `dyml gauge RUN` says
      from which similarity on two pictures are the same at a scale.
    """


def main() -> None:
    """Run the command line; a user's mistake prints one line and exits with 2.

    A run that a signal stopped says how to go on and exits with 128 and the signal's number.
    """
    try:
        app()
    except Interrupted as stop:
        typer.echo(str(stop), err=True)
        sys.exit(128 + stop.signal_number)
    except DymlError as error:
        notes = getattr(error, "__notes__", [])
        typer.echo(" ".join([f"Error: {error}", *notes]), err=True)
        sys.exit(2)
