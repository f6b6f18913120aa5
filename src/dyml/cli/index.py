"""`dyml index` and `dyml search`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyml.cli.options import SOURCE, BatchSize

if TYPE_CHECKING:
    from dyml.index import AddReport, Gallery, Hit


def index(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=SOURCE)],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="A manifest, a folder with one, a folder of pictures (classes by nested folders, if there "
            "are), or an .npz file with vectors, ids and classes.",
        ),
    ],
    gallery: Annotated[
        Path, typer.Argument(metavar="GALLERY", help="The gallery's folder, new or made with the same model.")
    ],
    split: Annotated[
        str | None, typer.Option("--split", help="The rows of the manifest; by default all.")
    ] = None,
    scales: Annotated[
        str | None, typer.Option("--scales", help="The columns of classes, fine to coarse, as fine,coarse.")
    ] = None,
    batch_size: BatchSize = 256,
    store_pictures: Annotated[
        bool, typer.Option("--store-pictures", help="Keep the pictures' files in the gallery, too.")
    ] = False,
    skip_damaged: Annotated[
        bool, typer.Option("--skip-damaged", help="Leave out pictures that cannot be opened.")
    ] = False,
    make_map: Annotated[
        bool, typer.Option("--map/--no-map", help="Compute the map: t-SNE up to 20,000 items, else PCA.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="Of the map.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """Put pictures into a gallery, to be searched with `dyml search` and served with `dyml serve`.

    What is there unchanged is not embedded again, so an interrupted command is simply given again, and a
    changed manifest is brought up to date.

    **Examples**

    `dyml index runs/grocery pictures gallery --split test`

    `dyml index runs/grocery vectors.npz gallery --scales fine,coarse`
    """
    import json
    from dataclasses import asdict

    from dyml.index.filling import fill_pictures, fill_vectors

    wanted = None if scales is None else tuple(name.strip() for name in scales.split(","))
    if source.suffix.lower() == ".npz":
        _refuse({"--split": split, "--store-pictures": store_pictures, "--skip-damaged": skip_damaged})
        made, report, words = fill_vectors(model, source, gallery, wanted)
    else:
        made, report, words = fill_pictures(
            model, source, gallery, wanted, split, batch_size, store_pictures, skip_damaged
        )
    method = _map(made, report, seed) if make_map else None
    if as_json:
        value = {"gallery": str(gallery), "items": len(made), **asdict(report), "map": method}
        typer.echo(json.dumps({**value, "classes": words}, indent=1))
        return
    for text in report.skipped:
        typer.echo(f"Left out: {text}", err=True)
    typer.echo(
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged; classes are "
        f"from {words}.\nThe gallery {gallery} has {len(made):,} items."
        + (f" Their map is by {method}." if method else "")
        + f"\nSearch it: dyml search {gallery} PICTURE"
    )


def search(
    gallery: Annotated[Path, typer.Argument(metavar="GALLERY", help="The gallery's folder.")],
    picture: Annotated[
        Path | None, typer.Argument(metavar="PICTURE", help="A picture to search for.", show_default=False)
    ] = None,
    item: Annotated[
        str | None, typer.Option("--id", help="Search for an item of the gallery instead, by its id.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help=f"By default the one that the gallery remembers. {SOURCE}")
    ] = None,
    k: Annotated[int, typer.Option("--k", min=1, help="Results at most; with --group, classes.")] = 10,
    scale: Annotated[str | None, typer.Option("--scale", help="The scale of the question.")] = None,
    min_probability: Annotated[
        float | None,
        typer.Option("--min-probability", help="Leave out what is less likely the same at --scale."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that are the same at --scale, however many, not the first K.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="A condition: middle=a, colour=red|blue, price<3, kind!=x. Repeatable; all must hold.",
        ),
    ] = None,
    group: Annotated[
        bool, typer.Option("--group", help="Best classes at --scale, each with its best.")
    ] = False,
    per_class: Annotated[int, typer.Option("--per-class", min=1, help="With --group: results a class.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a sheet of pictures to this file.")
    ] = None,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures", help="Show pictures; by default where stdout is a terminal."
        ),
    ] = None,
) -> None:
    """Search a gallery for what looks like a picture, at any scale.

    **Examples**

    `dyml search gallery photo.jpg --scale middle --min-probability 0.9`

    `dyml search gallery photo.jpg --scale coarse --group --html found.html`
    """
    import json

    from dyml.errors import ConfigError
    from dyml.index.filling import open_for_search, query_of
    from dyml.index.items import Group
    from dyml.index.results_text import groups_text, hits_text, results_value
    from dyml.index.text_filters import where_of

    if (picture is None) == (item is None):
        raise ConfigError("name a PICTURE to search for, or --id ID of an item of the gallery")
    if (group or every) and scale is None:
        raise ConfigError(f"{'--group' if group else '--all'} needs --scale")
    if group and every:
        raise ConfigError("--group and --all do not go together: name one")
    opened = open_for_search(gallery, model)
    vector, shown = query_of(opened, picture, item, model)
    filters: dict[str, Any] = {"where": where_of(where or (), opened.scales)}
    rest: dict[str, Any] = {"scale": scale, "min_probability": min_probability, **filters}
    if group:
        found = opened.groups(vector, k=k, per_class=per_class, exclude=item and [item], **rest)
    else:
        ours: dict[str, Any] = {"k": k, "exclude": item and [item]}
        hits = opened.range(vector, **rest) if every else opened.search(vector, **ours, **rest)
        found = [Group("", [hit for hit in hits if hit.id != item])]
    name = str(item if picture is None else picture)
    if html is not None:
        from dyml.index.results_page import write_results

        write_results(html, opened, shown, name, _facts(gallery, scale, min_probability, where), found)
    if as_json:
        typer.echo(json.dumps(results_value(name, found, grouped=group), indent=1, ensure_ascii=False))
        return
    if not group:
        _show(opened, found[0].hits, pictures)
    typer.echo(groups_text(found, opened, scale) if group else hits_text(found[0].hits, opened, scale))
    if html is not None:
        typer.echo(f"The sheet: {html}")


def _facts(gallery: Path, scale: str | None, chance: float | None, where: list[str] | None) -> list[str]:
    facts = [f"gallery {gallery}"]
    facts += [] if scale is None else [f"scale {scale}"]
    facts += [] if chance is None else [f"probability at least {100 * chance:g} %"]
    return facts + list(where or ())


def _map(gallery: "Gallery", report: "AddReport", seed: int) -> str | None:
    from rich.console import Console

    from dyml.index.map import NAME

    if not (report.added or report.updated) and (gallery.path / NAME).is_file():
        return None
    with Console(stderr=True).status("drawing the map …"):
        return gallery.build_map(seed=seed)


def _show(gallery: "Gallery", hits: "list[Hit]", wanted: bool | None) -> None:
    """Show thumbnails, where stdout is a terminal or it is asked for."""
    import os
    import shutil
    import sys

    if wanted is False or not hits or (wanted is None and not sys.stdout.isatty()):
        return
    from dyml.index.terminal import draw, protocol_for

    items = [gallery.get(hit.id) for hit in hits[:24]]
    thumbnails = [None if item is None else item.thumbnail for item in items]
    if any(thumbnails):
        text = draw(thumbnails, protocol_for(os.environ), shutil.get_terminal_size().columns)
        typer.echo(text, color=True)


def _refuse(options: dict[str, Any]) -> None:
    from dyml.errors import ConfigError

    for name, value in options.items():
        if value:
            raise ConfigError(f"{name} does not go with a file of vectors")
