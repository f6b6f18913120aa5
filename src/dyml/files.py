"""Files written whole or not at all: a temporary file beside the target, synced, then renamed."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dyml.errors import RunError


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it replaces `target` in one step.

    The temporary file keeps the target's ending, since some writers choose their format by it.

    Raises:
        RunError: the folder cannot be written (read-only, full, missing rights); nothing is left behind.
    """
    target = Path(target)
    part = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        part = Path(name)
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror or error}. {_mend(error)}") from error
    finally:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    with atomic_path(target) as part:
        part.write_text(text, encoding="utf-8")


def write_json(target: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN is refused, since JSON has none."""
    write_text(target, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _mend(error: OSError) -> str:
    import errno

    mends = {
        errno.ENOSPC: "The disk is full: free some space, then run the same command again.",
        errno.EDQUOT: "The disk quota is used up: free some space, then run the same command again.",
        errno.EROFS: "The file system is read-only: choose another folder.",
        errno.EACCES: "You may not write there: choose another folder or change its rights.",
        errno.EPERM: "You may not write there: choose another folder or change its rights.",
        errno.ENOTDIR: "A part of that path is a file, not a folder: choose another path.",
        errno.EEXIST: "A part of that path is a file, not a folder: choose another path.",
        errno.EISDIR: "That path is a folder: choose another name.",
    }
    return mends.get(error.errno or 0, "Choose another path.")
