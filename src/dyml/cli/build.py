"""`dyml data build`: a manifest from a source that people have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dyml.data.builders import Built, Source

KINDS = (
    "table",
    "class-folders",
    "imaterialist",
    "inaturalist",
    "online-products",
    "cub",
    "comp-cars",
    "vehicle-id",
    "veri-wild",
    "vehicles",
)
WITH_TAXONOMY = ("class-folders", "imaterialist", "cub", "vehicle-id", "vehicles")


Levels = Annotated[
    str | None,
    typer.Option(
        help="Levels to take, fine to coarse, with commas: species,family,order. Default: --count of "
        "them, the finest and those that thin the classes out most evenly. table: columns of classes.",
        show_default=False,
    ),
]
Most = Annotated[
    int | None, typer.Option(min=1, help="Pictures of a class to keep; default all.", show_default=False)
]
PathColumn = Annotated[str | None, typer.Option(help="table: the column of paths.", show_default=False)]
SplitColumn = Annotated[
    str | None, typer.Option(help="table: the column of splits, if it has one.", show_default=False)
]
Root = Annotated[
    Path | None,
    typer.Option(help="table: the folder of the paths. Default: the table's own.", show_default=False),
]
Annotations = Annotated[
    list[Path] | None, typer.Option(help="inaturalist: annotation file; may come again.", show_default=False)
]
ClassTable = Annotated[
    Path | None,
    typer.Option(
        help=f"{', '.join(WITH_TAXONOMY)}: a table of one row a class (folder, product, bird, model): its "
        "name, then the levels above it, fine to coarse; or a tree (.json, or .txt of `parent child`).",
        show_default=False,
    ),
]
Card = Annotated[
    Path | None, typer.Option(help="Write a data card to this file, too: an HTML page.", show_default=False)
]


def build(
    kind: Annotated[str, typer.Argument(help=f"What SOURCE is: {', '.join(KINDS)}.", show_default=False)],
    source: Annotated[
        Path, typer.Argument(help="The folder as unpacked; for `table`, the table.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(help="The manifest to write (.csv, .parquet).", show_default=False)],
    scales: Levels = None,
    count: Annotated[int, typer.Option(min=1, help="How many scales, where --scales names none.")] = 3,
    least: Annotated[int, typer.Option(min=1, help="Leave out classes with fewer pictures.")] = 2,
    most: Most = None,
    new_split: Annotated[
        bool, typer.Option("--new-split", help="Leave the source's own split aside.")
    ] = False,
    test_share: Annotated[float, typer.Option(help="Share of the fine classes that go to test.")] = 0.4,
    val_share: Annotated[float, typer.Option(help="Share of the fine classes that go to val.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed gives another split.")] = 0,
    path_column: PathColumn = None,
    split_column: SplitColumn = None,
    root: Root = None,
    annotations: Annotations = None,
    taxonomy: ClassTable = None,
    card: Card = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
) -> None:
    """Make a manifest with an open-set split from a source's own released files; no picture is copied.

    A level that some branches lack is what the other branches of the same finer class have there, or else a
    class of its own for that finer class.
    """
    from rich.console import Console

    from dyml.data.builders import build_manifest, write_card

    names = None if scales is None else [name.strip() for name in scales.split(",")]
    _refuse_foreign(
        kind,
        {
            "--path-column": (("table",), path_column),
            "--split-column": (("table",), split_column),
            "--root": (("table",), root),
            "--annotations": (("inaturalist",), annotations),
            "--taxonomy": (WITH_TAXONOMY, taxonomy),
        },
    )
    with Console(stderr=True).status(f"reading {source}"):
        read = _read(kind, source, out, names, path_column, split_column, root, annotations, taxonomy)
        built = build_manifest(
            read,
            out,
            scales=names,
            count=count,
            least=least,
            most=most,
            new_split=new_split,
            test_share=test_share,
            val_share=val_share,
            seed=seed,
            force=force,
        )
    _print(built, out)
    if card is not None:
        write_card(built.manifest, card, f"{kind}: {source.resolve().name}", built.notes)
        typer.echo(f"{card}: the data card")
    typer.echo(f"Next: `dyml data check {out}`")


def _print(built: "Built", out: Path) -> None:
    from dyml.data.split import side_counts

    done = built.manifest
    classes = ", ".join(f"{n:,} {scale}" for n, scale in zip(done.taxonomy.num_classes, done.scales))
    typer.echo(f"{out}: {len(done):,} pictures; classes: {classes}; splits: {', '.join(done.splits)}")
    for sides in side_counts(done):
        typer.echo(f"- {sides.scale}: {sides.several:,} of {sides.classes:,} classes are in several splits")
    for note in built.notes:
        typer.echo(f"- {note}")


def _read(
    kind: str,
    source: Path,
    out: Path,
    names: list[str] | None,
    path_column: str | None,
    split_column: str | None,
    root: Path | None,
    annotations: list[Path] | None,
    taxonomy: Path | None,
) -> "Source":
    from dyml.data import builders
    from dyml.errors import ManifestError

    match kind:
        case "table":
            if source.resolve() == out.resolve():
                raise ManifestError(f"{out} is the source itself; choose another file to write")
            return builders.read_tabular(source, names or [], path_column, split_column, root)
        case "inaturalist":
            return builders.read_inaturalist(source, annotations)
        case "online-products":
            return builders.read_online_products(source)
        case "veri-wild":
            return builders.read_veri_wild(source)
        case "comp-cars":
            return builders.read_comp_cars(source)
    if taxonomy is None:
        raise ManifestError(f"{kind} names no coarser classes: give a table of them with --taxonomy")
    match kind:
        case "cub":
            return builders.read_cub(source, taxonomy)
        case "imaterialist":
            return builders.read_imaterialist(source, taxonomy)
        case "vehicle-id":
            return builders.read_vehicle_id(source, taxonomy)
        case "vehicles":
            return builders.read_vehicles(source, taxonomy)
    return builders.read_class_folders(source, taxonomy)


def _refuse_foreign(kind: str, options: dict[str, tuple[tuple[str, ...], object]]) -> None:
    from dyml.errors import ManifestError, suggest

    if kind not in KINDS:
        raise ManifestError(
            f"no kind of source {kind!r}; there are {', '.join(KINDS)}.{suggest(kind, KINDS)}"
        )
    for option, (owners, value) in options.items():
        if value is not None and kind not in owners:
            raise ManifestError(f"{option} belongs to {', '.join(owners)}, not to {kind}: leave it out")


def card(
    manifest: Annotated[
        Path, typer.Argument(help="A manifest or the folder that holds it.", show_default=False)
    ],
    out: Annotated[Path, typer.Argument(help="The HTML file to write.", show_default=False)],
    scales: Annotated[
        str | None, typer.Option(help="Label columns, fine to coarse, with commas.", show_default=False)
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="The folder of the paths, where it is not the manifest's.", show_default=False),
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="The heading; default the folder's name.", show_default=False)
    ] = None,
) -> None:
    """Write a data card: one HTML page with counts, imbalance, split and samples."""
    from dyml.data.builders import write_card
    from dyml.data.manifest import read_manifest

    names = None if scales is None else [name.strip() for name in scales.split(",")]
    write_card(read_manifest(manifest, names, root), out, title)
    typer.echo(f"{out}: the data card")
