"""Ctrl-C and SIGTERM: training stops behind a whole step, with a checkpoint, and says how to go on."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from dyml.errors import Interrupted


class StopSignals:
    """Notes SIGINT and SIGTERM while it is entered, instead of dying of them; a second one is obeyed at once.

    Outside of the main thread Python delivers no signals, and nothing is noted.

    Attributes:
        number: of the signal that came, or 0.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number


def interrupted(run: Path, signal_number: int = 0) -> Interrupted:
    """Return the error of a run that a signal stopped; by default it was Ctrl-C."""
    text = f"interrupted; go on with `dyml train --resume {run}`"
    return Interrupted(text, signal_number or signal.SIGINT)
