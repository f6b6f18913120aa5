"""kill -9 at any moment of add, delete, compaction: what was acknowledged is there, nothing by half."""

import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from oracle import same
from writer_process import BATCH, DIM, item

from dyml.index import Gallery, LockedError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
PROGRAM = Path(__file__).with_name("writer_process.py")


class Writer:
    """A process of `writer_process.py`, and what it said."""

    def __init__(self, folder: Path, what: str, seed: int = 0) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(folder), what, str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.said: queue.Queue[str] = queue.Queue()
        self.lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            self.said.put(line)

    def wait_for(self, word: str, seconds: float = 60) -> None:
        """Wait until it says a word."""
        while not self.said.get(timeout=seconds).startswith(word):
            pass

    def kill(self) -> list[list[str]]:
        """Kill it with no warning; return all it said, line by line."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        time.sleep(0.05)
        # The last line may be cut off.
        return [line.split() for line in self.lines if line.endswith("\n")]


def numbers_of(lines: list[list[str]], word: str) -> list[set[int]]:
    return [set(map(int, line[1:])) for line in lines if line[0] == word]


def check_whole(gallery: Gallery) -> set[int]:
    """Check every item there is, in its rows and in the index; return their numbers."""
    found = [one.id for one in gallery.items()]
    numbers = {int(name.removeprefix("item")) for name in found}
    assert len(found) == len(numbers) == len(gallery)
    some = sorted(numbers)[:: max(1, len(numbers) // 40)] + sorted(numbers)[-BATCH:]
    for number in some:
        there = gallery.get(f"item{number}")
        assert there is not None
        assert same(there, item(number)), number
    queries = np.stack([item(number).vector for number in sorted(numbers)] or [np.ones(DIM)])
    for number, hits in zip(sorted(numbers), gallery.search(queries, k=3)):
        assert hits[0].id == f"item{number}"
        assert hits[0].metadata == {"number": number}
    return numbers


def kill_while_adding(folder: Path, what: str, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    gallery = Gallery.create(folder, DIM, ("fine", "coarse"))
    expected: set[int] = set()
    for round_ in range(rounds):
        start = 100_000 * (round_ + 1)
        writer = Writer(folder, what, start)
        writer.wait_for("ready")
        time.sleep(rng.uniform(0.0, 0.6))
        lines = writer.kill()
        begun, added = numbers_of(lines, "begin"), numbers_of(lines, "added")
        expected |= set().union(*added)
        numbers = check_whole(Gallery.open(folder))
        unknown = numbers - expected
        # The batch that was under way is there as a whole, or not at all.
        assert unknown == set() or unknown == begun[-1]
        assert expected <= numbers
        expected = numbers
        gallery.refresh()
        assert len(gallery) == len(numbers)


def kill_while_deleting(folder: Path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    gallery = Gallery.create(folder, DIM, ("fine", "coarse"))
    gallery.add([item(number) for number in range(1000)])
    left = set(range(1000))
    for _ in range(rounds):
        writer = Writer(folder, "delete", min(left))
        writer.wait_for("ready")
        time.sleep(rng.uniform(0.0, 0.4))
        lines = writer.kill()
        begun, deleted = numbers_of(lines, "begin"), numbers_of(lines, "deleted")
        left -= set().union(*deleted)
        numbers = check_whole(Gallery.open(folder))
        gone = left - numbers
        assert gone == set() or gone == begun[-1]
        assert numbers <= left
        left = numbers
        if len(left) < 100:
            break


@pytest.mark.parametrize("what", ["add", "optimize"])
def test_kill_while_adding(tmp_path: Path, what: str) -> None:
    kill_while_adding(tmp_path / "g", what, 1, seed=1)


def test_kill_while_deleting(tmp_path: Path) -> None:
    kill_while_deleting(tmp_path / "g", 1, seed=2)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("what", ["add", "optimize"])
def test_many_kills_while_adding(tmp_path: Path, what: str, seed: int) -> None:
    kill_while_adding(tmp_path / "g", what, 20, seed)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(2))
def test_many_kills_while_deleting(tmp_path: Path, seed: int) -> None:
    kill_while_deleting(tmp_path / "g", 20, seed)


def test_one_process_reads_while_another_writes(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    gallery = Gallery.create(folder, DIM, ("fine", "coarse"))
    writer = Writer(folder, "optimize")
    try:
        writer.wait_for("ready")
        counts, end = [], time.monotonic() + 100
        while time.monotonic() < end and (not counts or counts[-1] < 3 * BATCH):
            gallery.refresh()
            counts.append(len(gallery))
            hits = gallery.search(item(3).vector, k=5)
            assert not counts[-1] or hits[0].id == "item3"
            assert all(hit.metadata == {"number": int(hit.id[4:])} for hit in hits)
            assert counts[-1] % BATCH == 0
            if counts[-1]:
                there = gallery.get("item3")
                assert there is not None
                assert there.bytes == item(3).bytes
    finally:
        lines = writer.kill()
    assert counts == sorted(counts)
    assert counts[-1] >= 3 * BATCH
    added = set().union(*numbers_of(lines, "added"))
    assert added <= check_whole(Gallery.open(folder))


def test_a_second_writer_waits_or_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    Gallery.create(folder, DIM, ("fine", "coarse"))
    writer = Writer(folder, "hold")
    try:
        writer.wait_for("held")
        gallery = Gallery.open(folder, lock_timeout=0.1)
        with pytest.raises(LockedError, match=f"being written by process {writer.process.pid}: waited 0.1 s"):
            gallery.add([item(1)])
        assert gallery.search(item(1).vector) == []  # readers do not wait
    finally:
        writer.kill()
    assert gallery.add([item(1)]).added == 1  # the lock went with the process


def test_readers_go_on_while_a_writer_waits(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    Gallery.create(folder, DIM, ("fine", "coarse")).add([item(1)])
    writer = Writer(folder, "hold")
    gallery = Gallery.open(folder, lock_timeout=120)
    waiting = threading.Thread(target=lambda: gallery.add([item(2)]))
    try:
        writer.wait_for("held")
        waiting.start()
        for _ in range(3):
            gallery.refresh()
            assert [hit.id for hit in gallery.search(item(1).vector)] == ["item1"]
            assert waiting.is_alive()
    finally:
        writer.kill()
    waiting.join(60)
    assert check_whole(gallery) == {1, 2}


def test_a_full_disk_is_said_and_harms_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    Gallery.create(folder, DIM, ("fine", "coarse"))
    writer = Writer(folder, "limit")
    writer.wait_for("found")
    text = "".join(writer.lines)
    writer.kill()
    assert "refused cannot write to the gallery in" in text
    assert "nothing of this batch was stored" in text
    assert "warned the index was not written anew" in text
    assert f"found 3 {BATCH}" in text
    gallery = Gallery.open(folder)
    assert check_whole(gallery) == set(range(BATCH))
    gallery.add([item(number) for number in range(BATCH, 3 * BATCH)])
    gallery.optimize()
    assert check_whole(gallery) == set(range(3 * BATCH))


def test_two_writers_take_turns(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    Gallery.create(folder, DIM, ("fine", "coarse"))
    writers = [Writer(folder, "add", 1000), Writer(folder, "add", 1040)]
    for writer in writers:
        writer.wait_for("published")
    time.sleep(0.3)
    lines = [line for writer in writers for line in writer.kill()]
    added = set().union(*numbers_of(lines, "added"))
    numbers = check_whole(Gallery.open(folder))
    assert added <= numbers
    # Both come to the same ids: the second finds them unchanged, so that none is there twice.
    assert {1000, 1040} <= numbers
