"""The demonstration: train on built-in glyphs, judge on characters never seen, show what was gained."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from dyml.metrics import Result
from dyml.training import load_config, resume, train
from dyml.training.folder import RunFolder
from dyml.training.settings import shipped_config

FIGURES = ("ASI", "mAP", "CMC@1")


def run_demo(run: Path, epochs: int | None = None, console: Console | None = None) -> None:
    """Train in a run folder (a stopped one goes on; a finished one is left, another is made) and print.

    Args:
        run: the run folder.
        epochs: instead of the configuration's.
        console: where the tables go; stdout by default.
    """
    console = console or Console()
    run, started = _free_folder(run)
    if started:
        console.print(f"going on with {run}", highlight=False, soft_wrap=True)
        outcome = resume(run)
    else:
        options = {} if epochs is None else {"train.epochs": epochs}
        outcome = train(load_config(shipped_config("glyphs"), options), run)
    assert outcome.result is not None  # the glyphs have a test split
    console.print(comparison({**outcome.baselines, "trained": outcome.result}))
    console.print("\nThe trained embedder, scale by scale, in percent:\n")
    console.print(outcome.result.table(), highlight=False, soft_wrap=True)
    console.print(
        f"\nThe report, for a browser:  {outcome.folder.report}\n"
        f"The model, for your code:   {outcome.folder.model}\n\n"
        f"Next, your own pictures in folders coarse/middle/fine/*.jpg:\n"
        f"  dyml data scan FOLDER && dyml data split FOLDER && dyml data check FOLDER\n"
        f"  dyml train --config grocery --data.root FOLDER",
        highlight=False,
        soft_wrap=True,
    )


def comparison(results: dict[str, Result]) -> Table:
    """Return a table of the overall figures, a row a method, in percent."""
    scales = next(iter(results.values())).scales
    table = Table(title="Classes never seen in training, in percent: mean over scales; CMC@1 by scale")
    for name in ("", *FIGURES, *(f"{scale} CMC@1" for scale in scales)):
        table.add_column(name, justify="right" if name else "left")
    for name, result in results.items():
        overall = result.to_dict()
        values = [overall["overall"][figure] for figure in FIGURES]
        values += [overall[scale]["CMC@1"] for scale in scales]
        table.add_row(name, *("–" if value is None else f"{100 * value:.1f}" for value in values))
    return table


def _free_folder(run: Path) -> tuple[Path, bool]:
    """Return the folder to use, and whether a stopped run lies there."""
    candidate, number = run, 1
    while RunFolder(candidate).metrics.exists():
        number += 1
        candidate = run.with_name(f"{run.name}-{number}")
    return candidate, RunFolder(candidate).config.exists()
