"""`dyml train`."""

from pathlib import Path
from typing import Annotated

import typer

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}


def train(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            help="A YAML file, or the name of a shipped one: photos (a start for your own pictures), glyphs, "
            "grocery, omniglot.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="The folder to make; by default runs/ and the configuration's name."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a stopped run, with its own settings."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the settings in full and stop.")] = False,
    options: Annotated[
        bool, typer.Option("--options", help="List every setting with its value and meaning, and stop.")
    ] = False,
) -> None:
    """Train an embedder and judge it on classes that it has never seen.

    Every setting of the configuration is an option, too: `--section.key VALUE` (`--options` lists them). The
    run folder holds the settings, the curves, checkpoints, the model, metrics.json and report.html. A run
    that was stopped, even by `kill -9`, goes on with `--resume`.

    **Examples**

    `dyml train --config photos --data.root FOLDER`

    `dyml train -c my.yaml --optim.lr 0.001 --loss.margins "[0.1, 0.2, 0.3]" --run runs/second`

    `dyml train --resume runs/second`
    """
    from dyml.errors import ConfigError
    from dyml.training.settings import dump_text, load_config, option_table, parse_options, shipped_config

    given = parse_options(context.args)
    if resume is not None:
        if config is not None or run is not None or given:
            raise ConfigError(
                "--resume takes the settings of its run: give it without --config, --run or others"
            )
        from dyml.training import resume as resume_run

        outcome = resume_run(resume)
    else:
        file = None if config is None else shipped_config(config)
        settings = load_config(file, given)
        if options:
            typer.echo(option_table(settings))
            return
        if show:
            typer.echo(dump_text(settings), nl=False)
            return
        from dyml.training import train as train_run

        outcome = train_run(settings, run or Path("runs") / (file.stem if file else "glyphs"))
    if outcome.result is not None:
        typer.echo(outcome.result.table())
    typer.echo(f"\nmodel   {outcome.folder.model}")
    if outcome.folder.report.is_file():
        typer.echo(f"report  {outcome.folder.report}")
