"""`dyml data`: make a manifest, split it, check it, and draw the built-in glyphs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dyml.cli.build import build, card
from dyml.cli.duplicates import duplicates
from dyml.cli.official import official
from dyml.cli.pack import pack
from dyml.cli.problems import print_problems

if TYPE_CHECKING:
    from rich.table import Table

    from dyml.data.check import CheckReport, ClassCount
    from dyml.data.manifest import Manifest

app = typer.Typer(
    name="data",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Make a manifest from folders, split it, check it; or draw the built-in glyphs.",
    epilog=(
        "A manifest is a table `path,<scales…>,split` (CSV or Parquet) beside the pictures. From folders to "
        "a checked open-set split:\n\n"
        "`dyml data scan photos`\n\n`dyml data split photos`\n\n`dyml data check photos`"
    ),
)

_MOST_LINES = 20

Scales = Annotated[
    str | None,
    typer.Option(
        help="Label columns, fine to coarse, with commas: species,genus,family. "
        "Default: every column but path and split, by number of classes.",
        show_default=False,
    ),
]
ManifestPath = Annotated[
    Path, typer.Argument(help="A manifest (.csv, .parquet) or the folder that holds it.", show_default=False)
]
Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]


@app.command(epilog="Example: `dyml data scan photos --scales species,genus,family`")
def scan(
    folder: Annotated[
        Path, typer.Argument(help="Holds coarse/middle/fine/picture.jpg; any depth.", show_default=False)
    ],
    scales: Annotated[
        str | None,
        typer.Option(
            help="Scale names, fine to coarse, with commas: the innermost folder's first. "
            "Default: fine; fine,coarse; fine,middle,coarse.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The manifest to write, in FOLDER or a folder above it. Default: FOLDER/manifest.csv.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Make a manifest from nested folders: the folders around a picture are its classes."""
    from rich.console import Console

    from dyml.data.manifest import write_manifest
    from dyml.data.scan import scan_folder
    from dyml.errors import ManifestError

    target = folder / "manifest.csv" if out is None else out
    if target.exists() and not force:
        raise ManifestError(f"{target} is there already; --force writes over it, --out names another file")
    with Console(stderr=True).status(f"looking through {folder}"):
        found = scan_folder(folder, _names(scales), root=target.parent)
    write_manifest(found.columns, target)
    counts = ", ".join(f"{n:,} {scale}" for n, scale in zip(found.classes, found.scales))
    typer.echo(f"{target}: {len(found):,} pictures; classes: {counts}")
    for note in found.notes():
        typer.echo(f"- {note}")
    typer.echo(f"Next: `dyml data split {target}`, then `dyml data check {target}`")


@app.command(epilog="Example: `dyml data split photos --test-share 0.3 --val-share 0.1 --seed 7`")
def split(
    manifest: ManifestPath,
    test_share: Annotated[float, typer.Option(help="Share of the fine classes that go to test.")] = 0.4,
    val_share: Annotated[float, typer.Option(help="Share of the fine classes that go to val.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Another seed gives another split.")] = 0,
    scales: Scales = None,
    out: Annotated[
        Path | None, typer.Option(help="Write here instead of into the manifest itself.", show_default=False)
    ] = None,
    force: Force = False,
) -> None:
    """Split by fine class, so that test classes never occur in training (an open-set split).

    The split depends on the class names and the seed alone. Every coarser class with two fine classes or more
    is on both sides.
    """
    from dyml.data.check import class_counts, single_classes
    from dyml.data.manifest import find_manifest
    from dyml.data.split import split_manifest
    from dyml.errors import shortened

    file = find_manifest(manifest)
    target = file if out is None else out
    done = split_manifest(
        file,
        out,
        scales=_names(scales),
        test_share=test_share,
        val_share=val_share,
        seed=seed,
        force=force,
    )
    typer.echo(f"{target}: split by fine class, seed {seed}")
    _print(_counts_table(class_counts(done)))
    for line in _sides(done):
        typer.echo(f"- {line}")
    single = single_classes(done)
    if single:
        text = "fine classes with a single picture, which can never be retrieved"
        typer.echo(f"- warning: {text}: {shortened(single)}")
    if target.resolve().parent != file.resolve().parent:
        typer.echo(
            f"- Its paths are relative to {done.root}: keep the file there, or name that folder "
            f"(check: --root) where it is read"
        )


@app.command(
    epilog="Exit code: 0 all is well, 1 problems were found, 2 the manifest itself cannot be read.\n\n"
    "Example: `dyml data check photos --json > check.json`"
)
def check(
    manifest: ManifestPath,
    scales: Scales = None,
    root: Annotated[
        Path | None,
        typer.Option(help="The folder of the paths, where it is not the manifest's.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads; default one a processor.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    allow_single: Annotated[
        bool, typer.Option("--allow-single", help="Classes with a single picture are no problem.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Open every picture, also those that were seen before.")
    ] = False,
) -> None:
    """Open every picture; report bad, duplicate and mislabelled ones, class counts and leaks in the split.

    What was seen is noted as it goes (in .dyml-looks beside the pictures, or in the cache): a check that is
    stopped goes on where it was, and a later one opens only what has changed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from dyml.data.check import check_manifest

    console = Console(stderr=True)
    columns = (TextColumn("opening pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        report = check_manifest(
            manifest,
            _names(scales),
            root,
            workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            fresh=fresh,
        )
    if as_json:
        typer.echo(json.dumps(report.to_dict(allow_single), indent=1, ensure_ascii=False))
    else:
        _print_report(report, allow_single)
    raise typer.Exit(1 if report.problems(allow_single) else 0)


@app.command(epilog="Example: `dyml data glyphs glyphs --size 32`")
def glyphs(
    out: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    size: Annotated[int, typer.Option(help="Side of the pictures in pixels.")] = 32,
    limit: Annotated[
        int | None, typer.Option(help="Keep this many fine classes; default all.", show_default=False)
    ] = None,
    force: Force = False,
) -> None:
    """Draw the built-in data set: thousands of letters and symbols, three scales, no download."""
    from dyml.data.glyphs import write_glyphs
    from dyml.data.manifest import read_manifest

    target = write_glyphs(out, size=size, limit=limit, force=force)
    done = read_manifest(target)
    counts = ", ".join(f"{n:,} {scale}" for n, scale in zip(done.taxonomy.num_classes, done.scales))
    typer.echo(f"{target}: {len(done):,} pictures; classes: {counts}; splits: {', '.join(done.splits)}")


app.command(
    "build",
    epilog="Examples:\n\n`dyml data build inaturalist inat2018 inat2018/manifest.csv`\n\n"
    "`dyml data build table shop.csv manifest.csv --path-column image --scales sku,type,category`",
)(build)
app.command("card", epilog="Example: `dyml data card photos card.html`")(card)
app.command(
    "duplicates",
    epilog="Exit code: 0 no leak, 1 something is in two splits, 2 the manifest cannot be read.\n\n"
    "Example: `dyml data duplicates photos --sheet duplicates.html`",
)(duplicates)
app.command(
    "pack",
    epilog="Examples:\n\n`dyml data pack photos packs/photos --size 160`\n\n"
    "`dyml train --config photos --data.root photos --data.pack packs/photos --data.size 160`",
)(pack)
app.command("official", epilog="Example: `dyml data official dyml_vehicle --out manifests/vehicle`")(official)


def _names(scales: str | None) -> list[str] | None:
    return None if scales is None else [name.strip() for name in scales.split(",")]


def _print(table: "Table") -> None:
    from rich.console import Console

    Console().print(table)


def _counts_table(counts: "list[ClassCount] | tuple[ClassCount, ...]") -> "Table":
    from rich.table import Table

    table = Table("split", "scale")
    for heading in ("classes", "pictures", "a class: least", "median", "most"):
        table.add_column(heading, justify="right")
    last = counts[0].split
    for count in counts:
        if count.split != last:
            table.add_section()
        name = count.split if count.split != last or count is counts[0] else ""
        last = count.split
        numbers = (count.classes, count.pictures, count.least, round(count.median), count.most)
        table.add_row(name, count.scale, *(f"{number:,}" for number in numbers))
    return table


def _sides(manifest: "Manifest") -> list[str]:
    from dyml.data.split import side_counts

    sides = "both sides" if len(manifest.splits) == 2 else "several sides"
    lines = []
    for count in side_counts(manifest):
        text = f"{count.scale}: {count.several:,} of {count.classes:,} classes are on {sides} of the split"
        if count.single_fine:
            text += f"; {count.single_fine:,} have a single fine class, so they are wholly on one"
        lines.append(text)
    return lines


def _print_report(report: "CheckReport", allow_single: bool) -> None:
    typer.echo(f"{report.manifest}: {report.pictures:,} pictures, scales {', '.join(report.scales)}")
    _print(_counts_table(report.counts))
    verdict = {
        True: "The split is open-set: no fine class of train is in another split.",
        False: "The split is NOT open-set.",
        None: "There is no split into train and others; `dyml data split` makes an open-set one.",
    }
    typer.echo(verdict[report.open_set])
    for group in report.lookalikes:
        typer.echo(f"Look alike, are they one class? {' / '.join(group)}")
    if not print_problems(report.problems(allow_single)):
        return
    for picture in report.bad[:_MOST_LINES]:
        typer.echo(f"  row {picture.row}: {picture.reason}")
    if len(report.bad) > _MOST_LINES:
        typer.echo(f"  and {len(report.bad) - _MOST_LINES:,} more; --json lists all")
