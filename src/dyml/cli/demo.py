"""`dyml demo`."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    run: Annotated[Path, typer.Option("--run", help="The run folder; one that was stopped goes on.")] = Path(
        "runs/demo"
    ),
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Fewer or more passes than the default.")
    ] = None,
) -> None:
    """Train on built-in glyphs for a few minutes and show what the embedding can do.

    Fine classes are characters, middle classes letters with all their forms, coarse classes scripts. The test
    characters never occur in training.
    """
    from dyml.demo import run_demo

    run_demo(run, epochs)
