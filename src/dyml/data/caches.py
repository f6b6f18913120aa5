"""Where caches live, and a lock for folders that several processes write to."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dyml.errors import RunError


def cache_folder(name: str) -> Path:
    """Return a folder below the environment's DYML_CACHE, or else ~/.cache/dyml; it may not exist yet."""
    base = os.environ.get("DYML_CACHE") or Path.home() / ".cache" / "dyml"
    return Path(base).expanduser() / name


@contextmanager
def locked(folder: Path, waiting: Callable[[], None] | None = None, name: str = ".lock") -> Iterator[None]:
    """Hold a folder's lock; another process that wants it waits until this one is done, or dead.

    Args:
        folder: made where it is missing.
        waiting: called once if another process holds the lock.
        name: of the file in the folder that is the lock; it stays there.

    Raises:
        RunError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / name).open("a")
    except OSError as error:
        raise RunError(
            f"cannot write to {folder}: {error.strerror or error}. Choose another folder, or change its "
            f"rights."
        ) from error
    with stream:
        _lock(stream.fileno(), waiting)
        yield  # the system takes the lock back when the file is closed, whatever ends the process


def _lock(number: int, waiting: Callable[[], None] | None) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: files are written atomically, so at worst work is done twice
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if waiting is not None:
            waiting()
        fcntl.flock(number, fcntl.LOCK_EX)
