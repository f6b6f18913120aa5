"""Options of `dyml eval` and `dyml verify`: embeddings from files, and what they are judged by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dyml.metrics.from_files import Side

Embeddings = Annotated[
    Path | None,
    typer.Option("--embeddings", help="Judge these instead: .npy, .npz, .parquet or .safetensors."),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Their .csv or .parquet table: a row each, a column a scale."),
]
GalleryFile = Annotated[
    Path | None,
    typer.Option("--gallery", help="With --embeddings: embeddings to search; else each asks for the others."),
]
GalleryLabels = Annotated[Path | None, typer.Option("--gallery-labels", help="The table of the gallery.")]
Scales = Annotated[
    str | None,
    typer.Option("--scales", help="With --labels: the label columns, fine to coarse, as fine,coarse."),
]
ById = Annotated[
    bool,
    typer.Option(
        "--by-id",
        help="With --labels: leave out what has the query's `id`: for queries that are in the gallery, too.",
    ),
]
OtherCameras = Annotated[
    bool,
    typer.Option(
        "--other-cameras",
        help="With --labels: leave out the query's own class in its own `camera`, as in re-identification.",
    ),
]
Distractors = Annotated[
    bool, typer.Option("--distractors", help="With --labels: the label -1 is relevant to nothing.")
]
Similarity = Annotated[
    str, typer.Option("--similarity", help="With --embeddings: cosine, dot or euclidean (the nearest first).")
]
Measures = Annotated[
    str | None,
    typer.Option(
        "--measures",
        help="More of them, any k: precision@10,share-found@10,mAP@10,MRR,NDCG@10,LCA-first,LCA-errors.",
    ),
]
PerClass = Annotated[
    Path | None,
    typer.Option(
        "--per-class", help="Write the measures of every class to this CSV, and show the worst classes."
    ),
]
Worst = Annotated[int, typer.Option("--worst", min=1, help="With --per-class: how many of each scale.")]
Intervals = Annotated[
    bool, typer.Option("--ci", help="Add 95 % confidence intervals: bootstrap over queries.")
]


@dataclass(frozen=True)
class FileOptions:
    """What was given of the files; `given` is what goes with --embeddings alone, by option."""

    embeddings: Path | None
    labels: Path | None
    gallery: Path | None
    gallery_labels: Path | None
    scales: str | None
    by_id: bool

    @property
    def given(self) -> dict[str, Any]:
        """What goes with --embeddings alone."""
        return {
            "--labels": self.labels,
            "--gallery": self.gallery,
            "--gallery-labels": self.gallery_labels,
            "--scales": self.scales,
            "--by-id": self.by_id,
        }

    def sides(self) -> "tuple[Side, Side | None]":
        """Return the queries and the gallery, or say what is missing."""
        from dyml.errors import ConfigError
        from dyml.metrics.from_files import Side

        if self.embeddings is None or self.labels is None:
            raise ConfigError(
                "--embeddings needs --labels FILE: a table with a row for each, a column a scale"
            )
        if (self.gallery is None) != (self.gallery_labels is None):
            raise ConfigError("--gallery and --gallery-labels come together: give both, or neither")
        other = None
        if self.gallery is not None and self.gallery_labels is not None:
            other = Side(self.gallery, self.gallery_labels)
        return Side(self.embeddings, self.labels), other

    def names(self) -> list[str] | None:
        """Return the named scales, fine to coarse."""
        return listed(self.scales) or None


def listed(text: str | None) -> list[str]:
    """Split names at commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def refuse(options: Mapping[str, Any], why: str) -> None:
    """Refuse the first option that was given."""
    from dyml.errors import ConfigError

    for name, value in options.items():
        if value:
            raise ConfigError(f"{name} {why}")
