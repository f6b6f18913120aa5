"""The glyphs as a manifest folder: pictures, a manifest, and a marker that says the folder is whole."""

import csv
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from dyml.data.glyphs.drawing import FACES, draw_face
from dyml.data.glyphs.selection import Glyph, first_glyphs, select_glyphs
from dyml.errors import InputError, RunError

VERSION = 1  # raise when classes, split or drawings change
MARKER = "glyphs.json"
COLUMNS = ("path", "fine", "middle", "coarse", "split")
LEAST_SIZE, MOST_SIZE = 16, 512


def write_glyphs(
    out: str | Path, size: int = 32, limit: int | None = None, progress: bool = True, force: bool = False
) -> Path:
    """Draw the glyphs into a manifest folder: thousands of characters in some 4 to 16 faces each.

    A folder that already holds the same glyphs is left as it is. The folder appears whole or not at all.

    Args:
        out: the folder; made where it is missing.
        size: side of the pictures in pixels, 16 to 512.
        limit: keep this many fine classes (8 or more), spread over the coarser classes and both sides of the
            split; None keeps all.
        progress: show a progress bar where stderr is a terminal.
        force: write into a folder that holds something else, replacing what has the same name.

    Returns:
        The path of `manifest.csv`, with the columns path, fine, middle, coarse and split.

    Raises:
        InputError: a size or limit out of range.
        RunError: the folder holds something else, or cannot be written.
    """
    out = Path(out)
    if not LEAST_SIZE <= size <= MOST_SIZE:
        raise InputError(f"size must be {LEAST_SIZE} to {MOST_SIZE} pixels; got {size}")
    wanted = {"version": VERSION, "size": size, "limit": limit}
    if _holds(out, wanted):
        return out / "manifest.csv"
    if not force:
        _refuse_foreign(out)
    glyphs = first_glyphs(select_glyphs(), limit)
    with _whole_folder(out, wanted) as folder:
        rows = list(_draw_all(glyphs, size, folder, progress))
        with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *sorted(rows)])
        (folder / MARKER).write_text(json.dumps({**wanted, "pictures": len(rows)}) + "\n", encoding="utf-8")
    return out / "manifest.csv"


def glyph_cache(size: int = 32, folder: str | Path | None = None, progress: bool = True) -> Path:
    """Return a folder with all glyphs, drawn on the first call and found again on later ones.

    Args:
        size: side of the pictures in pixels.
        folder: where caches live; None means the environment's DYML_CACHE, or else ~/.cache/dyml.
        progress: show a progress bar where stderr is a terminal.

    Returns:
        The manifest folder, `<folder>/glyphs-<version>-<size>`. Two processes may call this at once: each
        draws aside, the first to finish puts its folder in place, and the other takes it.
    """
    base = Path(folder or os.environ.get("DYML_CACHE") or Path.home() / ".cache" / "dyml").expanduser()
    out = base / f"glyphs-{VERSION}-{size}"
    write_glyphs(out, size, progress=progress, force=True)
    return out


def _draw_all(
    glyphs: list[Glyph], size: int, folder: Path, progress: bool
) -> Iterator[tuple[str, str, str, str, str]]:
    for coarse in {glyph.coarse for glyph in glyphs}:
        (folder / _slug(coarse)).mkdir()
    for face in _tracked(FACES, progress):
        drawn = [glyph for glyph in glyphs if face in glyph.faces]
        pictures = draw_face(face, [glyph.code for glyph in drawn], size)
        for glyph in drawn:
            path = f"{_slug(glyph.coarse)}/U+{glyph.code:04X}-{face}.png"
            Image.fromarray(pictures[glyph.code]).save(folder / path, compress_level=1)
            yield path, glyph.fine, glyph.middle, glyph.coarse, glyph.split


def _slug(name: str) -> str:
    return name.replace(" ", "-")


def _tracked(faces: Iterable[str], progress: bool) -> Iterable[str]:
    from rich.console import Console
    from rich.progress import track

    shown = progress and sys.stderr.isatty()
    return track(
        list(faces), "drawing glyphs", console=Console(stderr=True), transient=True, disable=not shown
    )


def _holds(out: Path, wanted: dict[str, Any]) -> bool:
    try:
        found = json.loads((out / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and wanted.items() <= found.items()


def _refuse_foreign(out: Path) -> None:
    if out.is_file():
        raise RunError(f"{out} is a file: name a folder for the glyphs")
    if out.is_dir() and any(out.iterdir()):
        what = (
            "other glyphs (another size, limit or version)" if (out / MARKER).is_file() else "something else"
        )
        raise RunError(
            f"{out} already holds {what}: name a new folder, or use force to replace what has the same name"
        )


@contextmanager
def _whole_folder(out: Path, wanted: dict[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder beside `out`; on success its contents take their place in `out`."""
    part = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        part.chmod(0o755)
        yield part
        _put_in_place(part, out, wanted)
    except OSError as error:
        raise RunError(
            f"cannot write the glyphs to {out}: {error.strerror or error}. Free some space there, or name "
            "a folder that you may write (for the cache: set DYML_CACHE)."
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _put_in_place(part: Path, out: Path, wanted: dict[str, Any]) -> None:
    try:
        part.replace(out)
    except OSError:
        if not out.is_dir():
            raise
        if _holds(out, wanted):  # another process was first
            return
        # The marker goes first and comes last: a folder that is being replaced never looks whole.
        (out / MARKER).unlink(missing_ok=True)
        for item in sorted(part.iterdir(), key=lambda item: item.name == MARKER):
            target = out / item.name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            item.replace(target)
