"""Open and hash pictures in parallel threads; decoding and hashing run outside of Python's lock."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path

from dyml.data.images import RefusedImage, open_image

Look = tuple[bytes | None, RefusedImage | None]
_CHUNK = 32


def look_at_all(
    paths: Sequence[Path], workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Look]:
    """Open and hash every picture.

    Args:
        paths: N files.
        workers: threads; None takes one a processor.
        progress: called with (pictures done, pictures in all) every few pictures.

    Returns:
        Per picture, the digest of its bytes (None where there are none), and why it was refused, or None.
    """

    def look_at_some(start: int) -> list[Look]:
        return [look_at(path) for path in paths[start : start + _CHUNK]]

    looks: list[Look] = []
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        for some in pool.map(look_at_some, range(0, len(paths), _CHUNK)):
            looks += some
            if progress is not None:
                progress(len(looks), len(paths))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return looks


def look_at(path: Path) -> Look:
    """Open and hash one picture."""
    problem = None
    try:
        open_image(path)
    except RefusedImage as error:
        if error.kind in ("missing", "empty"):
            return None, error
        problem = error
    try:
        with path.open("rb") as stream:
            return file_digest(stream, "blake2b").digest(), problem
    except (OSError, ValueError):
        return None, problem
