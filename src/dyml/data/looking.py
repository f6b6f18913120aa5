"""Open and hash pictures in parallel threads, and remember what was seen, so that no picture is opened twice.

Decoding and hashing run outside of Python's lock. JPEGs are decoded at a part of their size, which reads all
of their bytes and finds what is cut short.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b, file_digest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dyml.data.caches import locked
from dyml.data.images import RefusedImage, open_image
from dyml.data.looks_file import LOOK, NAME, LooksFile, looks_place
from dyml.data.manifest import Manifest
from dyml.data.packing.writing import file_states
from dyml.data.text_column import TextColumn
from dyml.data.text_hash import hash_texts
from dyml.errors import ImageError, shortened

_CHUNK = 32
_SIDE = 64  # pixels that are enough for the visual hash
_FLAT = 3.0  # grey levels; below this spread a picture shows nothing to compare


@dataclass(frozen=True)
class Looks:
    """What was seen of N pictures.

    Attributes:
        exact: (N, 2) uint64, a hash of the file's bytes; 0 where there are none.
        visual: (N,) uint64, a hash of what the picture shows; 0 where it shows a plain colour or cannot be
            opened.
        problems: why a picture was refused, by row.
    """

    exact: NDArray[np.uint64]
    visual: NDArray[np.uint64]
    problems: dict[int, RefusedImage] = field(default_factory=dict)


def look_at_all(
    manifest: Manifest,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    remember: bool = True,
) -> Looks:
    """Open and hash every picture of a manifest.

    Args:
        manifest: N pictures.
        workers: threads; None takes one a processor.
        progress: called with (pictures done, pictures in all) every few pictures.
        remember: take what was seen before, where a file's size and time of change are still the same, and
            note what is seen now, a few pictures at a time, so that a look that is stopped goes on. Bad
            pictures are always looked at again.

    Raises:
        RunError: the notes cannot be written, such as where the disk is full.
    """
    looks = Looks(np.zeros((len(manifest), 2), np.uint64), np.zeros(len(manifest), np.uint64))
    place = looks_place(manifest.root) if remember else None
    if place is None:
        _look(manifest, np.arange(len(manifest)), looks, None, None, workers, progress)
        return looks
    with locked(place, name=f"{NAME}.lock"):
        keys = np.zeros(len(manifest), dtype=LOOK)
        keys["path"] = hash_texts(TextColumn.of(manifest.paths).values)
        keys["bytes"], keys["time"] = file_states(manifest)
        notes = LooksFile(place)
        known = notes.read()
        found = known.find(keys)
        held = found >= 0
        looks.exact[held], looks.visual[held] = known.exact[found[held]], known.visual[found[held]]
        with notes.appending() as append:

            def note(rows: NDArray[np.int64]) -> None:
                records = keys[rows]
                records["exact"], records["visual"] = looks.exact[rows], looks.visual[rows]
                append(records)

            _look(manifest, np.flatnonzero(~held), looks, note, int(held.sum()), workers, progress)
    return looks


def refuse_bad(manifest: Manifest) -> None:
    """Open every picture, or remember that it could be opened, and refuse any that cannot.

    Raises:
        ImageError: there are some; the text names files.
    """
    from dyml.progress import picture_bar

    with picture_bar("opening test pictures") as (progress, _):
        problems = look_at_all(manifest, progress=progress).problems
    if problems:
        texts = shortened((str(problem) for problem in problems.values()), 5)
        raise ImageError(f"{len(problems):,} of {len(manifest):,} pictures cannot be opened: {texts}")


def look_at(path: Path) -> tuple[tuple[int, int], int, RefusedImage | None]:
    """Open and hash one picture.

    Returns:
        A hash of its bytes, (0, 0) where there are none; its visual hash; and why it was refused, or None.
    """
    problem, visual = None, 0
    try:
        visual = visual_hash(open_image(path, 1, _SIDE))
    except RefusedImage as error:
        if error.kind in ("missing", "empty"):
            return (0, 0), 0, error
        problem = error
    try:
        with path.open("rb") as stream:
            digest = file_digest(stream, lambda: blake2b(digest_size=16)).digest()
    except (OSError, ValueError):
        return (0, 0), visual, problem
    return (int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")), visual, problem


def visual_hash(picture: Image.Image) -> int:
    """Return 64 bits that say where a grey picture gets brighter from left to right, on a grid of 9 × 8.

    Pictures that were coded again, made smaller or brighter agree in nearly all bits. A picture of one colour
    has the hash 0.
    """
    grid = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    if grid.std() < _FLAT:
        return 0
    bits = np.packbits(grid[:, 1:] > grid[:, :-1])
    return int.from_bytes(bits.tobytes(), "big") or 1


def _look(
    manifest: Manifest,
    rows: NDArray[np.int64],
    looks: Looks,
    note: Callable[[NDArray[np.int64]], None] | None,
    before: int | None,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Look at some rows and put down what is seen."""

    def look_at_some(some: NDArray[np.int64]) -> dict[int, RefusedImage]:
        bad = {}
        for row in some.tolist():
            looks.exact[row], looks.visual[row], problem = look_at(manifest.full_path(row))
            if problem is not None:
                bad[row] = problem
        return bad

    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    done = before or 0
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1)
    try:
        for some, bad in zip(chunks, pool.map(look_at_some, chunks)):
            looks.problems.update(bad)
            if note is not None:
                note(some[~np.isin(some, list(bad))])
            done += len(some)
            if progress is not None:
                progress(done, len(manifest))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
