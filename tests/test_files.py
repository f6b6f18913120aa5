"""Files are written whole or not at all, and failures say what to do."""

import errno
import json
import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from dyml import files
from dyml.errors import DymlError, RunError
from dyml.files import atomic_path, write_json, write_text


def test_text_is_written_as_utf8_with_unix_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Ärger\n☃\n")
    assert (tmp_path / "a.txt").read_bytes() == "Ärger\n☃\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "runs" / "first try" / "note.txt", "x")
    assert (tmp_path / "runs" / "first try" / "note.txt").read_text() == "x"


def test_json_is_readable_and_ends_with_a_line_end(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "ü", "values": [1, 2.5, None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert "ü" in text
    assert json.loads(text) == {"name": "ü", "values": [1, 2.5, None]}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_without_a_form_is_refused_and_leaves_the_old_file(tmp_path: Path, value: float) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")
    with pytest.raises(ValueError, match="JSON"):
        write_json(target, {"mAP": value})
    assert target.read_text() == "old"


def test_the_target_changes_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "weights.npy"
    target.write_bytes(b"old")
    with atomic_path(target) as part:
        assert part.parent == tmp_path
        assert part.suffix == ".npy"
        assert part.name.startswith(".")
        np.save(part, np.arange(3))
        assert target.read_bytes() == b"old"
    assert np.load(target).tolist() == [0, 1, 2]
    assert os.listdir(tmp_path) == ["weights.npy"]


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), OSError("not an image")])
def test_an_error_inside_passes_unchanged_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def write_half() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)) as caught:
        write_half()
    assert caught.value is error
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_missing_input_is_not_called_a_failure_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out.txt"):
        (tmp_path / "input.txt").read_text()


def test_rights_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_long_name_with_unicode_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("ü" * 120 + ".txt")  # 244 bytes of the 255 that a name may have
    write_text(target, "x")
    assert target.read_text() == "x"


def test_many_threads_write_one_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    texts = [str(i) * 20_000 for i in range(8)]
    threads = [threading.Thread(target=write_text, args=(target, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() in texts
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    for target in (tmp_path / "run" / "a.txt", tmp_path / "run" / "deeper" / "a.txt"):
        with pytest.raises(
            RunError, match=r"cannot write .*a.txt: .*A part of that path is a file, not a folder"
        ):
            write_text(target, "y")
    assert (tmp_path / "run").read_text() == "x"


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "run" / "inner").mkdir(parents=True)
    with pytest.raises(RunError, match=r"cannot write .*run: .*That path is a folder: choose another name"):
        write_text(tmp_path / "run", "x")
    assert os.listdir(tmp_path) == ["run"]
    with pytest.raises(RunError, match="that is a folder"):
        write_text("/", "x")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="The name is too long: choose a shorter one"):
        write_text(tmp_path / ("x" * 300), "x")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no file system where folders cannot be made")
def test_a_folder_that_cannot_be_made() -> None:
    with pytest.raises(RunError, match=r"cannot write /proc/dyml/a.txt: "):
        write_text("/proc/dyml/a.txt", "x")


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "No space left on device. The disk is full: free some space"),
        (errno.EDQUOT, "The disk quota is used up"),
        (errno.EROFS, "Read-only file system. The file system is read-only: choose another folder"),
        (errno.EIO, "Input/output error. Choose another path"),
    ],
)
def test_a_failed_write_says_why_and_what_to_do(tmp_path: Path, number: int, mend: str) -> None:
    target = tmp_path / "weights.bin"
    target.write_text("old")
    with pytest.raises(RunError, match=f"cannot write .*weights.bin: .*{mend}"), atomic_path(target):
        raise OSError(number, os.strerror(number))
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["weights.bin"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_without_rights(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(RunError, match="choose another folder"):
        write_text(tmp_path / "a.txt", "x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_device(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="The disk is full"), atomic_path(tmp_path / "a.txt"):
        Path("/dev/full").write_text("x")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
        OSError("1048576 requested and 262112 written"),
    ],
)
def test_a_full_disk_told_in_other_words(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 0})()
    monkeypatch.setattr(files.shutil, "disk_usage", lambda folder: usage)
    with (
        pytest.raises(RunError, match=r"No space left on device\. The disk is full"),
        atomic_path(tmp_path / "a"),
    ):
        raise error


def test_a_full_disk_told_by_safetensors(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="The disk is full"), atomic_path(tmp_path / "a"):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_errors_are_of_the_kind_that_the_command_line_prints(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(DymlError):
        write_text(tmp_path / "run" / "a.txt", "y")
