"""Open an official set, converted or as released, as manifests in memory."""

from dataclasses import dataclass, replace
from pathlib import Path

from dyml.data.channels import STORED, ChannelOrder
from dyml.data.manifest import Manifest, read_manifest
from dyml.data.official.conversion import MARKER, read_converted
from dyml.data.official.layout import SCALES, is_release
from dyml.data.official.release import read_release
from dyml.data.official.tables import TRAIN_MANIFEST, benchmark_manifest, manifest_of, manifest_tables
from dyml.errors import ManifestError

Scales = tuple[str, ...]


@dataclass(frozen=True)
class Official:
    """An official set.

    Attributes:
        name: vehicle, animal or product.
        root: the folder of the pictures.
        channels: the order of the colour channels that was chosen at conversion; stored if there was none.
        train: the training pictures, labelled at all scales; None where only the benchmark was asked for.
        benchmarks: by the scales that they are labelled at: for Vehicle and Animal one a scale, with the
            splits query and gallery; for Product a single one over all scales.
    """

    name: str
    root: Path
    channels: ChannelOrder
    train: Manifest | None
    benchmarks: dict[Scales, Manifest]


def open_official(folder: str | Path, name: str | None = None, benchmark_only: bool = False) -> Official:
    """Open a set from a folder that `dyml data official` wrote, or from the release itself.

    Args:
        folder: the one or the other; where it is both, the manifests in it count.
        name: vehicle, animal or product; None recognises it.
        benchmark_only: leave the training pictures aside.

    Raises:
        ManifestError: the folder is neither, is another set than `name`, or a part of the set is not there.
    """
    folder = Path(folder)
    channels: ChannelOrder = STORED
    if (folder / MARKER).is_file():
        converted = read_converted(folder)
        if name not in (None, converted.name):
            raise ManifestError(f"{folder} is the set {converted.name}, not {name}")
        if not converted.root.is_dir():
            raise ManifestError(
                f"{folder / MARKER}: the pictures are not at {converted.root} any more: run "
                f"`dyml data official ROOT --out {folder} --force` with their new place"
            )
        root, set_name, channels = converted.root, converted.name, converted.channels

        def read(file: str, scales: Scales) -> Manifest:
            return replace(read_manifest(folder / file, scales, root), channel_order=channels)
    else:
        release = read_release(folder, name)
        root, set_name = release.root, release.name
        unread = [part for part in release.parts if part.name in release.faults]
        needed = [part for part in unread if part.split != "train" or not benchmark_only]
        if needed:
            raise ManifestError(release.faults[needed[0].name])
        tables = manifest_tables(release)

        def read(file: str, scales: Scales) -> Manifest:
            return manifest_of(root, tables[file])

    if set_name == "product":
        whole = read(TRAIN_MANIFEST, SCALES)
        train = None if benchmark_only else whole.only("train")
        return Official(set_name, root, channels, train, {SCALES: whole.only("test")})
    train = None if benchmark_only else read(TRAIN_MANIFEST, SCALES)
    benchmarks: dict[Scales, Manifest] = {
        (scale,): read(benchmark_manifest(scale), (scale,)) for scale in SCALES
    }
    return Official(set_name, root, channels, train, benchmarks)


def official_folder(*folders: Path) -> Path | None:
    """Return the first of some folders that `open_official` opens: manifests before a release; None if none.

    A folder of manifests of one's own beside a release is taken for the release.
    """
    converted = [folder for folder in folders if (folder / MARKER).is_file()]
    return next(iter(converted), None) or next((f for f in folders if is_release(f)), None)


def recorded_order(*folders: Path) -> ChannelOrder:
    """Return the channel order that was chosen at the conversion of a set; stored where none was converted.

    Raises:
        ManifestError: the record cannot be read.
    """
    found = official_folder(*folders)
    return read_converted(found).channels if found and (found / MARKER).is_file() else STORED
