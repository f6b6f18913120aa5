"""What the benchmarks share: the machine in words, and times taken in turns.

Other work on the machine slows whatever runs at that moment. So the contestants take turns, round after
round, and a ratio is the median over rounds of the ratio within one round.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch


def machine() -> dict[str, Any]:
    """Return processor, cores, load, accelerator and versions, ready for JSON."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
    }


def machine_line() -> str:
    """Return `machine` as one line of text."""
    m = machine()
    load = "" if m["load"] is None else f", load {m['load'][0]}"
    return (
        f"{m['processor']}, {m['cores']} cores, {m['threads']} threads{load}; "
        f"{m['accelerator'] or 'no accelerator'}; torch {m['torch']}, Python {m['python']}"
    )


def interleaved_times(
    contestants: Mapping[str, Callable[[], object]], rounds: int, warmup: int = 1
) -> dict[str, list[float]]:
    """Time functions in turns: each once a round, in the same order.

    Args:
        contestants: by name, functions without arguments.
        rounds: how often each is timed.
        warmup: how often each is run before, without being timed.

    Returns:
        By name, seconds in every round.
    """
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(-warmup, rounds):
        for name, run in contestants.items():
            _wait_for_device()
            start = time.perf_counter()
            run()
            _wait_for_device()
            if round_ >= 0:
                times[name].append(time.perf_counter() - start)
            _tell(f"round {round_ + 1} of {rounds}: {name}")
    _tell("")
    return times


def median_ratio(times: Mapping[str, list[float]], over: str, under: str) -> float:
    """Return the median over rounds of one contestant's time divided by another's in the same round."""
    return statistics.median(a / b for a, b in zip(times[over], times[under]))


def _wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
