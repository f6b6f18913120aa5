"""What was seen of pictures is remembered: a look that is stopped goes on, changed pictures are seen anew."""

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data import looking as looking_module
from dyml.data.caches import locked
from dyml.data.check import check_manifest
from dyml.data.looking import look_at, look_at_all, refuse_bad
from dyml.data.looks_file import LOOK, LooksFile, looks_place
from dyml.errors import ImageError, RunError

COUNT = 100


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    root.mkdir()
    paths = [f"{i}.png" for i in range(COUNT)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(root / path)
    write_manifest({"path": paths, "fine": [f"f{i // 4}" for i in range(COUNT)]}, root / "manifest.csv")
    return read_manifest(root)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def counting(path: Path) -> Any:
        names.append(path.name)
        return look_at(path)

    monkeypatch.setattr(looking_module, "look_at", counting)
    return names


def test_pictures_are_opened_once(manifest: Manifest, opened: list[str]) -> None:
    first = look_at_all(manifest)
    assert len(opened) == COUNT
    second = look_at_all(manifest)
    assert len(opened) == COUNT
    np.testing.assert_array_equal(first.exact, second.exact)
    np.testing.assert_array_equal(first.visual, second.visual)
    assert first.exact.all()
    done: list[tuple[int, int]] = []
    look_at_all(manifest, progress=lambda *state: done.append(state))
    assert done == []
    look_at_all(manifest, remember=False)
    assert len(opened) == 2 * COUNT


def test_changed_new_and_bad_pictures_are_opened_again(manifest: Manifest, opened: list[str]) -> None:
    manifest.full_path(3).write_bytes(b"broken")
    looks = look_at_all(manifest.subset(np.arange(50)))
    assert list(looks.problems) == [3]
    opened.clear()
    Image.new("RGB", (30, 30), "red").save(manifest.full_path(7))
    looks = look_at_all(manifest)
    assert sorted(opened) == sorted(["3.png", "7.png", *(f"{i}.png" for i in range(50, COUNT))])
    assert looks.visual[7] == 0
    assert list(looks.problems) == [3]
    fresh = look_at_all(manifest, remember=False)
    np.testing.assert_array_equal(fresh.exact, looks.exact)


def look_slowly(root: Path) -> None:
    def slow(path: Path) -> Any:
        time.sleep(0.01)
        return look_at(path)

    looking_module.look_at = slow
    look_at_all(read_manifest(root), workers=1)


def test_a_check_that_is_killed_goes_on(manifest: Manifest, opened: list[str]) -> None:
    notes = manifest.root / ".dyml-looks"
    process = multiprocessing.get_context("fork").Process(target=look_slowly, args=(manifest.root,))
    process.start()
    while not notes.exists() or notes.stat().st_size < 32 * LOOK.itemsize:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join()
    with notes.open("ab") as stream:
        stream.write(b"half a record")
    known = len(LooksFile(manifest.root).read().records)
    assert known >= 32
    report = check_manifest(manifest.root)
    assert len(opened) == COUNT - known
    assert report.bad == ()
    opened.clear()
    assert check_manifest(manifest.root).to_dict() == report.to_dict()
    assert opened == []
    check_manifest(manifest.root, fresh=True)
    assert len(opened) == COUNT


def test_damaged_notes_are_not_believed(manifest: Manifest, opened: list[str]) -> None:
    whole = look_at_all(manifest)
    notes = manifest.root / ".dyml-looks"
    data = bytearray(notes.read_bytes())
    data[5 * LOOK.itemsize + 30] ^= 4
    notes.write_bytes(data)
    opened.clear()
    again = look_at_all(manifest)
    assert len(opened) == 1
    np.testing.assert_array_equal(whole.exact, again.exact)


def test_notes_go_to_the_cache_where_the_folder_cannot_be_written(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYML_CACHE", str(tmp_path / "cache"))
    assert looks_place(manifest.root) == manifest.root
    (manifest.root / ".dyml-looks").unlink()
    (manifest.root / ".dyml-looks").mkdir()  # as good as read-only, also for root
    place = looks_place(manifest.root)
    assert place is not None
    assert place.parent == tmp_path / "cache" / "looks"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DYML_CACHE", str(tmp_path / "file"))
    assert looks_place(manifest.root) is None
    assert look_at_all(manifest).exact.all()


def test_a_full_disk_keeps_what_was_seen(
    manifest: Manifest, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = looking_module.LooksFile.appending, []

    class Full:
        """Writes the first records and then finds no space."""

        def __init__(self, append: Any) -> None:
            self.append = append

        def __call__(self, records: Any) -> None:
            calls.append(len(records))
            if len(calls) > 2:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.append(records)

    from contextlib import contextmanager

    @contextmanager
    def full(self: Any) -> Any:
        with real(self) as append:
            yield Full(append)

    with monkeypatch.context() as patch:
        patch.setattr(looking_module.LooksFile, "appending", full)
        with pytest.raises(RunError, match=r"cannot write .*\.dyml-looks: No space left.*Free some space"):
            look_at_all(manifest, workers=1)
    opened.clear()
    look_at_all(manifest)
    assert len(opened) == COUNT - 64


def test_bad_pictures_are_refused_by_name(manifest: Manifest) -> None:
    refuse_bad(manifest)
    for i in (4, 70):
        manifest.full_path(i).unlink()
    with pytest.raises(ImageError, match=r"2 of 100 pictures cannot be opened: .*4\.png: no such.*70\.png"):
        refuse_bad(manifest)


def test_a_lock_in_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match=r"cannot write to .*file/x: Not a directory"),
        locked(tmp_path / "file" / "x"),
    ):
        pass
