"""Making a pack, and bringing it up to date: what is missing or has changed is packed, the rest is left."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dyml.data.augment import fit_size
from dyml.data.caches import cache_folder, locked
from dyml.data.images import RefusedImage, enough_pixels, open_image
from dyml.data.manifest import Manifest
from dyml.data.packing.pack import Pack
from dyml.data.packing.shards import (
    DESCRIPTION,
    Pixels,
    Recipe,
    is_whole,
    pixels_path,
    read_description,
    shard_numbers,
    table_path,
    write_description,
    write_shard,
)
from dyml.data.text_column import TextColumn
from dyml.data.text_hash import hash_texts
from dyml.errors import RunError

SHARD_BYTES = 64 * 2**20
Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]  # pictures done, pictures in all
_CHUNK = 16


@dataclass(frozen=True)
class PackReport:
    """What was done.

    Attributes:
        pictures: rows of the manifest.
        packed: pictures that were packed now.
        changed: how many of these had been packed before, from another file.
        gone: pictures that are packed and whose files are no longer there; the packed ones are used.
        bad: (row, what is wrong) of the pictures that cannot be opened; they are not in the pack.
        dead: packed pictures that were replaced by newer ones and only take up space.
    """

    pictures: int
    packed: int
    changed: int
    gone: int
    bad: tuple[tuple[int, RefusedImage], ...]
    dead: int


def pack_folder(root: Path, recipe: Recipe) -> Path:
    """Return the folder in the cache for the pictures of a folder, packed by a recipe."""
    where = root.resolve()
    mark = blake2b(str(where).encode(), digest_size=6).hexdigest()
    cut = "" if recipe.resize is None else f"-{recipe.resize}"
    return cache_folder("packs") / f"{where.name}-{mark}-{recipe.size}{cut}-{recipe.channels}"


def pack_manifest(
    manifest: Manifest,
    folder: str | Path,
    recipe: Recipe,
    threads: int | None = None,
    progress: Progress | None = None,
    waiting: Callable[[], None] | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> PackReport:
    """Pack the pictures of a manifest that are not packed yet, or whose files have changed since.

    A file has changed if its size or its time of change has. Each shard is written whole, so that a run which
    is killed goes on from the last one. A second process waits for the first and then finds all done.

    Args:
        manifest: the pictures.
        folder: the pack; made where it is missing.
        recipe: how they are brought to size.
        threads: decoding threads; None takes one a processor core.
        progress: called after every few pictures.
        waiting: called once if another process is packing into this folder.
        shard_bytes: pixels kept in memory, and lost at most by a kill.

    Raises:
        RunError: the folder holds something else or other pictures, the disk is full, or a shard is damaged.
    """
    folder = Path(folder)
    with locked(folder, waiting):
        _open_or_begin(folder, recipe, manifest.root)
        pack = Pack(folder)
        places = pack.find(TextColumn.of(manifest.paths))
        sizes, times = file_states(manifest)
        held, there = places >= 0, sizes >= 0
        fresh = held.copy()
        fresh[held] = (pack.bytes[places[held]] == sizes[held]) & (pack.time[places[held]] == times[held])
        changed = held & there & ~fresh
        if changed.any() and pack.root != manifest.root.resolve():
            raise RunError(
                f"{folder} was packed from {pack.root}, and pictures of {manifest.root} have the same names "
                f"and other contents. Choose another folder for this pack."
            )
        todo = np.flatnonzero(changed | ~held)
        bad = []
        number = max(shard_numbers(folder), default=-1) + 1
        rows = max(1, shard_bytes // recipe.bytes)
        for start in range(0, len(todo), rows):
            chosen = todo[start : start + rows]
            tell = None if progress is None else _shifted(progress, start, len(todo))
            pixels, faults = _decoded(manifest, chosen, recipe, threads, tell)
            bad += faults
            good = np.flatnonzero(~np.isin(chosen, [row for row, _ in faults]))
            if len(good):
                kept = chosen[good]
                paths = TextColumn.of(manifest.paths).take(kept).values
                states = {"bytes": pa.array(sizes[kept]), "time": pa.array(times[kept])}
                write_shard(folder, number, pixels[good], {"path": paths, **states})
                number += 1
        packed = len(todo) - len(bad)
        again = int(changed.sum()) - sum(bool(changed[row]) for row, _ in bad)
        dead = len(pack) - len(np.unique(hash_texts(pack.paths))) + again
        gone = int((held & ~there).sum())
        return PackReport(len(manifest), packed, again, gone, tuple(bad), dead)


def verify_pack(folder: str | Path, progress: Progress | None = None) -> list[int]:
    """Compare every shard with its checksum and remove those that differ, so that packing fills them again.

    Returns:
        The numbers of the shards that were damaged.

    Raises:
        RunError: there is no pack.
    """
    folder = Path(folder)
    read_description(folder)
    with locked(folder):
        damaged, numbers = [], shard_numbers(folder)
        for done, number in enumerate(numbers, start=1):
            if not is_whole(folder, number):
                damaged.append(number)
                table_path(folder, number).unlink(missing_ok=True)
                pixels_path(folder, number).unlink(missing_ok=True)
            if progress is not None:
                progress(done, len(numbers))
        return damaged


def file_states(manifest: Manifest) -> tuple[Ints, Ints]:
    """Return size in bytes and time of change in nanoseconds of every picture, -1 where there is no file."""
    sizes, times = (np.full(len(manifest), -1, dtype=np.int64) for _ in range(2))
    root = str(manifest.root)
    for row, path in enumerate(manifest.paths):
        with suppress(OSError, ValueError):
            status = os.stat(f"{root}/{path}")
            sizes[row], times[row] = status.st_size, status.st_mtime_ns
    return sizes, times


def _open_or_begin(folder: Path, recipe: Recipe, root: Path) -> None:
    if not (folder / DESCRIPTION).is_file():
        others = [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
        if others:
            raise RunError(f"{folder} holds {others[0]} and is no pack. Choose a new folder.")
        write_description(folder, recipe, root)
    found, _ = read_description(folder)
    if found != recipe:
        raise RunError(
            f"{folder} holds pictures of {found}; {recipe} was asked for. Choose another folder, or set "
            f"data.size and data.resize to what it holds."
        )
    there = set(shard_numbers(folder))
    for file in [*folder.glob("*.pixels"), *folder.glob(".*.parquet")]:
        if not (file.stem.isdigit() and int(file.stem) in there):
            file.unlink()  # of a writer that was killed: nobody else writes while the lock is held


def _decoded(
    manifest: Manifest, rows: Ints, recipe: Recipe, threads: int | None, progress: Progress | None
) -> tuple[Pixels, list[tuple[int, RefusedImage]]]:
    """Return the pixels of some pictures, and those that cannot be opened, whose pixels mean nothing."""
    pixels = np.empty((len(rows), recipe.channels, recipe.size, recipe.size), dtype=np.uint8)
    least = enough_pixels(recipe.resize or recipe.size)

    def decode(start: int) -> list[tuple[int, RefusedImage]]:
        bad = []
        for place in range(start, min(start + _CHUNK, len(rows))):
            row = int(rows[place])
            try:
                picture = open_image(manifest.full_path(row), recipe.channels, least)
            except RefusedImage as error:
                bad.append((row, error))
                continue
            values = np.asarray(fit_size(picture, recipe.size, recipe.resize))
            pixels[place] = values if values.ndim == 2 else values.transpose(2, 0, 1)
        return bad

    bad = []
    pool = ThreadPoolExecutor(threads or os.cpu_count() or 1)
    try:
        for done, faults in enumerate(pool.map(decode, range(0, len(rows), _CHUNK)), start=1):
            bad += faults
            if progress is not None:
                progress(min(done * _CHUNK, len(rows)), len(rows))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return pixels, bad


def _shifted(progress: Progress, start: int, total: int) -> Progress:
    return lambda done, _: progress(start + done, total)
