"""`dyml verify`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dyml.cli import eval_options as given
from dyml.cli.options import SOURCE, BatchSize, DataFolder, ManifestName

if TYPE_CHECKING:
    from dyml.metrics import Curve

Source = Annotated[str | None, typer.Argument(metavar="RUN_OR_MODEL", help=SOURCE, show_default=False)]
Split = Annotated[
    str | None,
    typer.Option("--split", help="The rows to judge; by default the run's test split, `all` for every row."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")]
Out = Annotated[Path | None, typer.Option("--out", help="Write the JSON to this file, too.")]
Picture = Annotated[
    Path | None, typer.Option("--picture", help="Draw ROC and DET into this .png, .svg or .pdf file.")
]


def verify(
    source: Source = None,
    data: DataFolder = None,
    manifest: ManifestName = None,
    split: Split = None,
    batch_size: BatchSize = 256,
    embeddings: given.Embeddings = None,
    labels: given.Labels = None,
    gallery: given.GalleryFile = None,
    gallery_labels: given.GalleryLabels = None,
    scales: given.Scales = None,
    by_id: given.ById = False,
    as_json: AsJson = False,
    out: Out = None,
    picture: Picture = None,
) -> None:
    """Judge one threshold for all: is a pair of pictures of one class, by its similarity alone?

    Every pair is counted, none drawn at random. **EER** is the rate at which as many pairs of one class are
    refused as pairs of two are accepted; **TAR@FAR=1e-3** is the share of pairs of one class accepted where
    one in a thousand pairs of two is, – where there are too few pairs to say. **AUC** is the area under ROC.

    **Examples**

    `dyml verify runs/grocery --picture roc.png`

    `dyml verify --embeddings vectors.npy --labels labels.csv --json`

    `dyml verify --embeddings q.npy --labels q.csv --gallery g.npy --gallery-labels g.csv --by-id`
    """
    import json

    from dyml.errors import ConfigError
    from dyml.files import write_json

    files = given.FileOptions(embeddings, labels, gallery, gallery_labels, scales, by_id)
    if embeddings is not None:
        from dyml.metrics.from_files import verify_files

        ours = {source or "": source, "--data": data, "--data.manifest": manifest, "--split": split}
        given.refuse(ours, "does not go with --embeddings: these are judged as they are")
        curves = verify_files(*files.sides(), scales=files.names(), by_id=by_id)
    else:
        if source is None:
            raise ConfigError("name a run or model to judge, or --embeddings FILE --labels FILE")
        given.refuse(files.given, "goes with --embeddings alone")
        curves = _verify_pictures(source, data, manifest, split, batch_size)
    if picture is not None:
        from dyml.metrics.verification_figure import draw_curves

        draw_curves(curves, picture)
    found = {scale: curve.summary() for scale, curve in curves.items()}
    if out is not None:
        write_json(out, found)
    typer.echo(json.dumps(found, indent=1, allow_nan=False) if as_json else _table(found))


def _verify_pictures(
    source: str, root: Path | None, table: str | None, split: str | None, batch_size: int
) -> "Mapping[str, Curve]":
    """Embed the pictures of a split and verify them."""
    from dyml.metrics import verify as verify_pairs
    from dyml.models.embedding import embed_manifest
    from dyml.training.judge import open_source, source_manifest
    from dyml.training.precision import fastest_device

    embedder, config = open_source(source)
    manifest = source_manifest(source, embedder, config, root, table)
    tested = config.data.test if config is not None and manifest.split is not None else None
    wanted = split or tested or "all"
    if wanted != "all":
        manifest = manifest.only(wanted)
    vectors = embed_manifest(embedder.to(fastest_device()), manifest, batch_size, "embedding")
    return verify_pairs(vectors, manifest.labels, scales=manifest.scales)


def _table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Draw one line a scale, shares in percent."""
    names = list(next(iter(found.values())))
    rows = [["scale", *names]]
    for scale, values in found.items():
        cells = [
            "–" if v is None else f"{v:,}" if isinstance(v, int) else f"{100 * v:.2f}"
            for v in values.values()
        ]
        rows.append([scale, *cells])
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
        for row in rows
    ]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])
