"""From a setting to the pictures of a pack: brought up to date first, with a progress bar."""

from pathlib import Path

from dyml.data.faults import Faults
from dyml.data.manifest import Manifest
from dyml.data.packing.dataset import PackedDataset
from dyml.data.packing.pack import Pack
from dyml.data.packing.shards import Recipe
from dyml.data.packing.writing import pack_folder, pack_manifest
from dyml.errors import ImageError, shortened
from dyml.progress import picture_bar

AUTO = "auto"


def open_packed(
    manifest: Manifest, place: str | Path, recipe: Recipe, faults: Faults | None = None
) -> PackedDataset:
    """Bring a pack up to date with a manifest and open it.

    Args:
        manifest: the pictures.
        place: the pack's folder, or `auto` for one in the cache.
        recipe: how pictures are brought to size.
        faults: where given, pictures that cannot be opened are noted there; None refuses them.

    Raises:
        ImageError: pictures cannot be opened: any, or with `faults` too many.
        RunError: the pack cannot be written, or holds other pictures.
    """
    folder = pack_folder(manifest.root, recipe) if str(place) == AUTO else Path(place)
    with picture_bar("packing pictures") as (progress, say):
        report = pack_manifest(
            manifest,
            folder,
            recipe,
            progress=progress,
            waiting=lambda: say(f"waiting for another process that packs into {folder}"),
        )
    if report.bad and faults is None:
        texts = shortened((str(error) for _, error in report.bad), 5)
        raise ImageError(f"{len(report.bad):,} of {len(manifest):,} pictures cannot be opened: {texts}")
    return PackedDataset(manifest, Pack(folder), [row for row, _ in report.bad], faults)
