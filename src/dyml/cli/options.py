"""Options that several commands share, word for word."""

from pathlib import Path
from typing import Annotated

import typer

SOURCE = "A run folder, a model folder, or hub:NAME for one on the Hugging Face hub."

DataFolder = Annotated[
    Path | None,
    typer.Option("--data", "--data.root", help="The folder of pictures; by default the run's own."),
]
ManifestName = Annotated[
    str | None,
    typer.Option("--data.manifest", help="The table in it; by default manifest.csv or manifest.parquet."),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Pictures embedded at a time.")]
