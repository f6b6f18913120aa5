"""The demonstration's gallery: the glyphs that its model was never trained on."""

from pathlib import Path

from rich.console import Console

from dyml.errors import RunError
from dyml.index import Gallery
from dyml.index.map import NAME as MAP
from dyml.index.settings import NAME
from dyml.training.datamodule import open_manifest
from dyml.training.folder import RunFolder
from dyml.training.judge import open_source
from dyml.training.precision import fastest_device

FOLDER = "gallery"
MAP_POINTS = 5000  # an even sample, placed by t-SNE in half a minute


def demo_gallery(run: Path) -> Path:
    """Return the gallery of a demonstration, made first where it is missing.

    Args:
        run: the run folder of `dyml demo`.

    Raises:
        RunError: the demonstration has not run to its end.
    """
    if not (RunFolder(run).model / "config.json").is_file():
        raise RunError(f"no demonstration in {run}: `dyml demo` (or `make demo`) makes it in a few minutes")
    folder = run / FOLDER
    embedder, config = open_source(str(run))
    if config is None:
        raise RunError(f"{run} is a model folder, not a run: name both with `dyml serve MODEL GALLERY`")
    manifest = open_manifest(config.data)
    if config.data.test is not None:
        manifest = manifest.only(config.data.test)
    if (folder / NAME).is_file():
        gallery = Gallery.open(folder, model=str(run))
    else:
        gallery = Gallery.create(folder, embedder.dim, manifest.scales, model=str(run), root=manifest.root)
    with gallery:
        if len(gallery) < len(manifest):
            gallery.add_manifest(embedder.to(fastest_device()), manifest, progress="indexing new characters")
        if not (folder / MAP).is_file():
            with Console(stderr=True).status("drawing the map …"):
                gallery.build_map(most=MAP_POINTS)
    return folder
