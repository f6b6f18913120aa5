"""The demonstration: train on built-in glyphs, judge on characters never seen, show and search them."""

from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dyml.gauge.page import write_page
from dyml.gauge.source import gauge_source
from dyml.gauge.storage import NAME as GAUGE
from dyml.metrics import Result
from dyml.training import load_config, resume, train
from dyml.training.folder import RunFolder
from dyml.training.settings import shipped_config

FIGURES = ("ASI", "mAP", "CMC@1")
SERVED_BY = ("lancedb", "faiss", "fastapi", "uvicorn")


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
    _measure(outcome.folder, console)
    console.print(
        f"\nThe report, for a browser:  {outcome.folder.report}\n"
        f"The model, for your code:   {outcome.folder.model}\n"
        f"{_search_page(outcome.folder)}\n\n"
        f"Next, your own pictures in folders coarse/middle/fine/*.jpg:\n"
        f"  dyml data scan FOLDER && dyml data split FOLDER && dyml data check FOLDER\n"
        f"  dyml train --config grocery --data.root FOLDER",
        highlight=False,
        markup=False,  # [serve] is no style
        soft_wrap=True,
    )


def _measure(folder: RunFolder, console: Console) -> None:
    """Gauge the model, so that similarities become probabilities, unless a stopped demonstration did."""
    if not (folder.model / GAUGE).is_file():
        with console.status("gauging …") if console.is_terminal else nullcontext():
            gauged = gauge_source(str(folder.path))
        gauged.gauge.save(folder.model)
        write_page(gauged.gauge, gauged.sample, folder.path / "gauge.html", "dyml: the gauge of the glyphs")


def _search_page(folder: RunFolder) -> str:
    """Put the characters that were never seen into a gallery and say how its page is opened."""
    if missing := [name for name in SERVED_BY if find_spec(name) is None]:
        return f'The search page needs {", ".join(missing)}:  pip install "dyml[serve]"'
    from dyml.serve.demonstration import demo_gallery

    demo_gallery(folder.path)
    where = "" if folder.path == Path("runs/demo") else f" --run {folder.path}"
    return f"The search page, with its dial:  dyml serve --demo{where}"


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
