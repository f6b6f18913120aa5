"""Files written whole or not at all: a temporary file beside the target, synced, then renamed."""

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dyml.errors import RunError

_MENDS = {
    errno.ENOSPC: "The disk is full: free some space.",
    errno.EDQUOT: "The disk quota is used up: free some space.",
    errno.EROFS: "The file system is read-only: choose another folder.",
    errno.EACCES: "You may not write there: choose another folder or change its rights.",
    errno.EPERM: "You may not write there: choose another folder or change its rights.",
    errno.ENOTDIR: "A part of that path is a file, not a folder: choose another path.",
    errno.EEXIST: "A part of that path is a file, not a folder: choose another path.",
    errno.EISDIR: "That path is a folder: choose another name.",
    errno.ENOTEMPTY: "That path is a folder: choose another name.",
    errno.ENAMETOOLONG: "The name is too long: choose a shorter one.",
}

_WHILE_WRITING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; on success it replaces `target` in one step.

    The folder is made where it is missing. The temporary file keeps the target's ending, since some writers
    choose their format by it, and its name begins with a dot. Whatever is raised inside the `with`, the
    target stays as it was and nothing is left behind.

    Args:
        target: the file to write.

    Raises:
        RunError: the file cannot be written (folder read-only, disk full, rights missing). Errors of the code
            inside the `with` that have other causes pass unchanged.
    """
    target = Path(target)
    if not target.name:
        raise RunError(f"cannot write {str(target)!r}: that is a folder. Choose a file name.")
    part = target.with_name(f".{target.stem[:40]}-{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.touch(exist_ok=False)
        yield part
        with part.open("r+b") as written:
            os.fsync(written.fileno())
        part.replace(target)
    except Exception as error:
        number = _failure_to_write(error, part)
        if number is None:
            raise
        mend = _MENDS.get(number, "Choose another path.")
        raise RunError(f"cannot write {target}: {os.strerror(number)}. {mend}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_text(target: str | Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line ends, atomically.

    Raises:
        RunError: the file cannot be written.
    """
    with atomic_path(target) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(target: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically.

    Raises:
        RunError: the file cannot be written.
        ValueError: `value` holds NaN or infinity, which JSON does not have; nothing is written.
    """
    write_text(target, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _failure_to_write(error: Exception, part: Path) -> int | None:
    """Return the error number where `error` came from writing `part`, else None.

    Some writers (numpy, torch, safetensors) report a full disk in their own words and without a number. An
    error that names a file elsewhere, such as a picture that was to be read, is none of ours.
    """
    if isinstance(error, OSError) and error.errno is not None:
        if error.filename is None:
            return error.errno if error.errno in _WHILE_WRITING else None
        named = Path(os.fsdecode(error.filename))
        return error.errno if named == part or named in part.parents else None
    if "No space left on device" in str(error):
        return errno.ENOSPC
    with suppress(OSError):
        if shutil.disk_usage(part.parent).free == 0:
            return errno.ENOSPC
    return None
