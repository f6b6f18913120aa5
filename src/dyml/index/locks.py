"""One writer at a time, by a lock on a file that the system releases when the process ends."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from dyml.errors import RunError

WAIT = 0.02


class LockedError(RunError):
    """Another process writes to the gallery, and went on doing so."""


@contextmanager
def writer_lock(file: Path, timeout: float) -> Iterator[None]:
    """Hold the lock of a gallery, waiting for another writer.

    Args:
        file: the lock; made where it is missing, and never removed, since others may wait for it.
        timeout: seconds to wait.

    Raises:
        LockedError: another writer holds it for longer.
        RunError: the file cannot be written.
    """
    try:
        stream = file.open("a+")
    except OSError as error:
        raise RunError(
            f"cannot write {file}: {error.strerror or error}. The gallery is read-only."
        ) from error
    with stream:
        end = time.monotonic() + timeout
        while not _try_lock(stream):
            if time.monotonic() >= end:
                stream.seek(0)
                holder = stream.read(100).strip() or "another process"
                raise LockedError(
                    f"{file.parent} is being written by {holder}: waited {timeout:g} s. Try again when it "
                    f"has ended, or wait longer (lock_timeout)."
                )
            time.sleep(WAIT)
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()}")
        stream.flush()
        yield


def _try_lock(stream: IO[str]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        try:
            stream.seek(1_000_000)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
