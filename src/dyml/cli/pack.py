"""`dyml data pack`: bring pictures to size once and keep them as raw pixels."""

from pathlib import Path
from typing import Annotated

import typer


def pack(
    manifest: Annotated[
        Path,
        typer.Argument(help="A manifest (.csv, .parquet) or the folder that holds it.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Argument(
            help="The pack's folder. Default: one in the cache, where --data.pack auto looks.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Side of the pictures in pixels.")] = 160,
    channels: Annotated[int, typer.Option(help="3 colour, 1 grey.")] = 3,
    root: Annotated[
        Path | None,
        typer.Option(help="The folder of the paths, where it is not the manifest's.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; default one a processor.", show_default=False)
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="First compare all pixels with their checksums.")
    ] = False,
) -> None:
    """Bring every picture to its training size once, and keep the pixels.

    Training then reads pixels instead of decoding photographs, with the same result to the bit as from memory
    (`data.ram`), and any number of processes share one copy. Give the size that training sees: data.resize,
    or else data.size.

    Run it again after pictures were added or changed: only these are packed. A run that is stopped goes on
    where it was; two at once share the work's result. Pictures that cannot be opened are named and left out,
    and the command ends with 1.
    """
    from dyml.data.manifest import read_manifest
    from dyml.data.packing import Recipe, pack_folder, pack_manifest, verify_pack
    from dyml.data.packing.shards import DESCRIPTION
    from dyml.progress import picture_bar

    table, recipe = read_manifest(manifest, root=root), Recipe(size, channels)
    folder = pack_folder(table.root, recipe) if out is None else out
    if verify and (folder / DESCRIPTION).is_file():
        with picture_bar("reading shards") as (progress, _):
            damaged = verify_pack(folder, progress)
        typer.echo(
            f"{folder}: {len(damaged)} damaged shards" if damaged else f"{folder}: all shards are whole"
        )
    with picture_bar("packing pictures") as (progress, say):
        report = pack_manifest(
            table,
            folder,
            recipe,
            workers,
            progress,
            waiting=lambda: say(f"waiting for another process that packs into {folder}"),
        )
    held = report.pictures - len(report.bad)
    typer.echo(
        f"{folder}: {held:,} pictures of {recipe}, {held * recipe.bytes / 1e6:,.0f} MB; "
        f"{report.packed:,} packed now"
    )
    if report.changed:
        typer.echo(f"- {report.changed:,} had changed since they were packed")
    if report.gone:
        typer.echo(f"- {report.gone:,} files are no longer there; the packed pixels are kept")
    if report.dead:
        typer.echo(
            f"- {report.dead:,} older pictures take up space; delete the folder and pack again to free it"
        )
    for _, error in report.bad[:20]:
        typer.echo(f"- left out: {error}")
    if len(report.bad) > 20:
        typer.echo(f"- left out: {len(report.bad) - 20:,} more")
    place = "auto" if out is None else folder
    typer.echo(f"Train from it: `dyml train --data.pack {place} --data.size {size}` and your other options")
    raise typer.Exit(1 if report.bad else 0)
