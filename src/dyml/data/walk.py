"""Every picture below a folder, known by its ending, and what else lies there."""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dyml.data.images import ENDINGS
from dyml.errors import ManifestError

Folders = tuple[str, ...]
# Written by operating systems and archivers, never by the user.
_LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass
class Found:
    """What `walk` met, every path as a tuple of names below the folder.

    Attributes:
        pictures: files with a picture's ending, sorted.
        folders: all folders, at any depth.
        others: files that are no pictures, counted by ending.
        hidden: how many hidden files and folders were left out.
        loops: folders that link back to a folder above them, left out.
        broken: links that lead nowhere, left out.
    """

    pictures: list[Folders] = field(default_factory=list)
    folders: set[Folders] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    loops: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def walk(folder: Path) -> Found:
    """List the pictures below a folder, following links to folders but never round in a circle.

    Raises:
        ManifestError: a folder cannot be read.
    """
    found = Found()
    status = folder.stat()
    above = frozenset([(status.st_dev, status.st_ino)])
    todo: list[tuple[Folders, frozenset[tuple[int, int]]]] = [((), above)]
    while todo:
        parts, above = todo.pop()
        for entry in _entries(folder.joinpath(*parts)):
            here = (*parts, entry.name)
            if entry.name.startswith(".") or entry.name in _LITTER:
                found.hidden += 1
            elif entry.is_dir():
                status = entry.stat()
                inode = (status.st_dev, status.st_ino)
                if inode in above:
                    found.loops.append("/".join(here))
                    continue
                found.folders.add(here)
                todo.append((here, above | {inode}))
            elif not entry.is_file():
                found.broken.append("/".join(here))
            elif os.path.splitext(entry.name)[1].lower() in ENDINGS:
                found.pictures.append(here)
            else:
                found.others[os.path.splitext(entry.name)[1].lower()] += 1
    found.pictures.sort()
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ManifestError(
            f"{folder}: cannot be read: {error.strerror or error}. Change its rights."
        ) from error
