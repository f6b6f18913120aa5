"""`dyml study`."""

from pathlib import Path
from typing import Annotated

import typer


def study(
    sets: Annotated[
        list[str],
        typer.Option(
            "--sets", help="glyphs, grocery, omniglot, or a configuration FILE.yaml; several with commas."
        ),
    ] = ["glyphs,grocery,omniglot"],  # noqa: B006
    methods: Annotated[
        list[str] | None,
        typer.Option("--methods", help="Short names, with commas; by default all. --dry-run lists them."),
    ] = None,
    methods_file: Annotated[
        Path | None, typer.Option("--methods-file", help="A YAML file with methods of your own.")
    ] = None,
    seeds: Annotated[list[str], typer.Option("--seeds", help="Whole numbers, with commas.")] = ["0,1,2"],  # noqa: B006
    data: Annotated[
        Path | None, typer.Option("--data", help="The folder that holds grocery/ and omniglot/.")
    ] = None,
    budget: Annotated[
        str, typer.Option("--budget", help="full (as the configurations are), short, or trial.")
    ] = "full",
    runs: Annotated[Path, typer.Option("--runs", help="Where the run folders lie.")] = Path("runs/study"),
    out: Annotated[
        Path, typer.Option("--out", help="The page to write; its JSON, CSV and images/ lie beside it.")
    ] = Path("docs/results.md"),
    workers: Annotated[int, typer.Option("--workers", min=1, help="Runs at the same time.")] = 1,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Processor threads of each run.")] = 1,
    reports: Annotated[
        bool, typer.Option("--reports", help="Judge baselines and write report.html in every run, too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, and how long it takes, and stop.")
    ] = False,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Write the page from the runs that are done.")
    ] = False,
) -> None:
    """Compare losses: each with the same network, pictures, batches and steps, on several sets and seeds.

    Every run is an ordinary run folder in RUNS/BUDGET/SET/METHOD/. What is done is not made again and what
    was stopped goes on, so the command may be stopped and started at any time.

    **Examples**

    `dyml study --sets glyphs --budget short`

    `dyml study --data FOLDER --methods csl,cosface --seeds 0,1 --workers 4`

    `dyml study --sets mine.yaml --methods csl,my-loss --methods-file methods.yaml`
    """
    import os

    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    from dyml.study.study import Choice, run_study

    choice = Choice(
        sets=_words(sets),
        methods=None if methods is None else _words(methods),
        methods_file=methods_file,
        seeds=_numbers(_words(seeds)),
        data=data,
        budget=budget,
        runs=runs,
        out=out,
        workers=workers,
        threads=threads,
        reports=reports,
    )
    run_study(choice, dry_run=dry_run, report_only=report_only, say=typer.echo)


def _words(given: list[str]) -> list[str]:
    """Split at commas and blanks."""
    return [word for text in given for word in text.replace(",", " ").split()]


def _numbers(words: list[str]) -> list[int]:
    from dyml.errors import ConfigError

    try:
        return [int(word) for word in words]
    except ValueError as error:
        raise ConfigError(f"--seeds must be whole numbers, such as 0,1,2; got {' '.join(words)!r}") from error
