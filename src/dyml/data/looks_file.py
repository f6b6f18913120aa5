"""The notes of which pictures were opened and what they hash to: a file of records that only grows.

It lies as `.dyml-looks` in the folder of the pictures, or in the cache where that folder cannot be written.
A record that was half written when the power went has a wrong seal and is left out; its picture is opened
again.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.data.caches import cache_folder
from dyml.errors import RunError

LOOK = np.dtype(
    [
        ("path", "<u8"),
        ("bytes", "<i8"),
        ("time", "<i8"),
        ("exact", "<u8", 2),
        ("visual", "<u8"),
        ("seal", "<u8"),
    ]
)
NAME = ".dyml-looks"
_FACTORS = np.random.default_rng(2021).integers(2**63, size=6, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
Records = NDArray[Any]


@dataclass(frozen=True)
class Known:
    """Records in order of their path hashes, the latest of each path alone."""

    records: Records

    @property
    def exact(self) -> NDArray[np.uint64]:
        """Hashes of the files' bytes, (P, 2)."""
        exact: NDArray[np.uint64] = self.records["exact"]
        return exact

    @property
    def visual(self) -> NDArray[np.uint64]:
        """Visual hashes, (P,)."""
        visual: NDArray[np.uint64] = self.records["visual"]
        return visual

    def find(self, keys: Records) -> NDArray[np.int64]:
        """Return the place of every key with the same path, bytes and time, or -1."""
        if len(self.records) == 0:
            return np.full(len(keys), -1, dtype=np.int64)
        places = np.searchsorted(self.records["path"], keys["path"]).clip(max=len(self.records) - 1)
        same = np.ones(len(keys), dtype=bool)
        for name in ("path", "bytes", "time"):
            same &= self.records[name][places] == keys[name]
        return np.where(same & (keys["bytes"] >= 0), places, -1)


class LooksFile:
    """The notes of one folder of pictures.

    Args:
        folder: where the file lies.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> Known:
        """Return what is noted; nothing where there is no file."""
        try:
            records = np.frombuffer(self._whole_records(), dtype=LOOK)
        except FileNotFoundError:
            records = np.empty(0, dtype=LOOK)
        records = records[_seals(records) == records["seal"]]
        order = np.argsort(records["path"], kind="stable")
        records = records[order]
        last = np.flatnonzero(np.r_[records["path"][1:] != records["path"][:-1], True][: len(records)])
        return Known(records[last])

    @contextmanager
    def appending(self) -> Iterator[Callable[[Records], None]]:
        """Yield a function that notes records; the folder's lock must be held.

        Raises:
            RunError: they cannot be written.
        """
        try:
            with self.path.open("ab") as stream:
                stream.truncate(stream.tell() // LOOK.itemsize * LOOK.itemsize)  # half a record at the end

                def append(records: Records) -> None:
                    records = records.copy()
                    records["seal"] = _seals(records)
                    stream.write(records.tobytes())
                    stream.flush()

                yield append
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES):
                raise
            raise RunError(
                f"cannot write {self.path}: {os.strerror(error.errno)}. Free some space and start again: "
                f"what was looked at so far is kept."
            ) from error

    def _whole_records(self) -> bytes:
        data = self.path.read_bytes()
        return data[: len(data) // LOOK.itemsize * LOOK.itemsize]


def looks_place(root: Path) -> Path | None:
    """Return the folder for the notes on the pictures of a folder; None where nothing can be written."""
    where = root.resolve()
    mark = blake2b(str(where).encode(), digest_size=6).hexdigest()
    for folder in (where, cache_folder("looks") / f"{where.name}-{mark}"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / NAME).open("ab").close()
            return folder
        except OSError:
            continue
    return None


def _seals(records: Records) -> NDArray[np.uint64]:
    """Return a checksum a record: a sum of its numbers times odd factors, modulo 2⁶⁴; not 0 for zeros."""
    columns = [records["path"], records["bytes"].view(np.uint64), records["time"].view(np.uint64)]
    columns += [records["exact"][:, 0], records["exact"][:, 1], records["visual"]]
    seal = np.full(len(records), 0x5EA1, dtype=np.uint64)
    for column, factor in zip(columns, _FACTORS):
        seal += np.ascontiguousarray(column).astype(np.uint64) * factor
    return seal ^ (seal >> np.uint64(29))
