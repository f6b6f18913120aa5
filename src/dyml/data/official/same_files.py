"""Files that are the same, byte for byte, wherever they lie and whatever they are called."""

from collections import defaultdict
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def same_files(these: Sequence[Path], those: Sequence[Path]) -> NDArray[np.int64]:
    """Find each of some files among others by its content.

    Only files of equal size are read. A file that cannot be read is the same as none.

    Args:
        these: Q files.
        those: N files.

    Returns:
        (Q,) int64, the position of the first of `those` that is the same; -1 where there is none.
    """
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, file in enumerate(those):
        by_size[_size(file)].append(place)
    digests: dict[int, dict[bytes, int]] = {}
    found = np.full(len(these), -1, dtype=np.int64)
    for row, file in enumerate(these):
        size = _size(file)
        if size < 0 or size not in by_size:
            continue
        if size not in digests:
            digests[size] = {}
            for place in by_size[size]:
                digests[size].setdefault(_digest(those[place]), place)
        found[row] = digests[size].get(_digest(file) or b"none", -1)
    return found


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _digest(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return file_digest(stream, "blake2b").digest()
    except OSError:
        return b""
