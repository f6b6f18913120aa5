"""The files of a pack.

    pack.json        the recipe: how pictures were brought to size
    000000.pixels    rows × channels × size × size bytes, nothing else
    000000.parquet   a row a picture: path, bytes and time of its file, CRC-32 of its pixels; and, as the
                     table's own note, the BLAKE2 checksum of the .pixels file
    .lock            held by whoever writes

A shard is there when its .parquet is: that is written last, whole. So a writer that is killed loses at most
the shard at hand, and readers never see a half one.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from hashlib import blake2b, file_digest
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dyml.errors import InputError, RunError
from dyml.files import atomic_path, write_json

FORMAT = 1
DESCRIPTION = "pack.json"
_CHECKSUM = b"blake2b"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Recipe:
    """How pictures are brought to size; see `fit_size`.

    Attributes:
        size: side in pixels.
        channels: 3 for RGB, 1 for grey.
        resize: length of the shorter side before the centre is cut out; None means `size`.
    """

    size: int
    channels: int = 3
    resize: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no picture can be brought to."""
        if self.size < 1 or self.channels not in (1, 3):
            raise InputError(f"a pack has size 1 or more and channels 1 or 3; got {self}")
        if self.resize is not None and self.resize < self.size:
            raise InputError(f"resize must not be below size; got size {self.size}, resize {self.resize}")
        if self.resize == self.size:
            object.__setattr__(self, "resize", None)

    @property
    def bytes(self) -> int:
        """Bytes of one picture."""
        return self.channels * self.size * self.size

    def __str__(self) -> str:
        cut = "" if self.resize is None else f" cut from {self.resize}"
        return f"{self.size} px{cut}, {'colour' if self.channels == 3 else 'grey'}"


def write_description(folder: Path, recipe: Recipe, root: Path) -> None:
    """Write what a new pack holds.

    Raises:
        RunError: the folder cannot be written.
    """
    value = {"format": FORMAT, "recipe": asdict(recipe), "pictures": str(root.resolve())}
    write_json(folder / DESCRIPTION, value)


def read_description(folder: Path) -> tuple[Recipe, Path]:
    """Return a pack's recipe, and the folder that its pictures came from.

    Raises:
        RunError: there is no pack, or one of another format.
    """
    try:
        value = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if value["format"] != FORMAT:
            raise RunError(f"{folder} is a pack of format {value['format']}; this version reads {FORMAT}.")
        return Recipe(**value["recipe"]), Path(value["pictures"])
    except FileNotFoundError as error:
        raise RunError(f"{folder} is no pack. `dyml data pack MANIFEST {folder}` makes one.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / DESCRIPTION} cannot be read: {error}. Delete {folder} and pack again."
        ) from error


def write_shard(folder: Path, number: int, pixels: Pixels, columns: dict[str, pa.Array]) -> None:
    """Write a shard, its table last.

    Args:
        folder: the pack.
        number: of the shard.
        pixels: (n, channels, size, size).
        columns: `path`, `bytes` and `time` of n pictures.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    data = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    with atomic_path(pixels_path(folder, number)) as part, part.open("wb") as stream:
        stream.write(data.data)
    sums = pa.array([zlib.crc32(row.data) for row in data], pa.uint32())
    table = pa.table({**columns, "crc": sums})
    checksum = blake2b(data.data, digest_size=16).hexdigest().encode()
    with atomic_path(table_path(folder, number)) as part:
        pq.write_table(table.replace_schema_metadata({_CHECKSUM: checksum}), part)


def read_shard(folder: Path, number: int) -> pa.Table:
    """Return the table of a shard: path, bytes, time, crc.

    Raises:
        RunError: it cannot be read.
    """
    file = table_path(folder, number)
    try:
        return pq.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{file} cannot be read: {error}. {mend(folder)}") from error


def is_whole(folder: Path, number: int) -> bool:
    """Read all of a shard and compare it with its checksum."""
    try:
        noted = read_shard(folder, number).schema.metadata[_CHECKSUM].decode()
        with pixels_path(folder, number).open("rb") as stream:
            found = file_digest(stream, lambda: blake2b(digest_size=16)).hexdigest()
    except (RunError, OSError, KeyError, TypeError):
        return False
    return bool(noted == found)


def shard_numbers(folder: Path) -> list[int]:
    """Return the numbers of the shards that are there, rising."""
    return sorted(int(file.stem) for file in folder.glob("[0-9]*.parquet") if file.stem.isdigit())


def pixels_path(folder: Path, number: int) -> Path:
    """Return where a shard's pixels lie."""
    return folder / f"{number:06d}.pixels"


def table_path(folder: Path, number: int) -> Path:
    """Return where a shard's table lies."""
    return folder / f"{number:06d}.parquet"


def mend(folder: Path) -> str:
    """Return how a damaged pack is mended."""
    return f"`dyml data pack MANIFEST {folder} --verify` packs again what is damaged."
