"""How long a command takes before it does anything: python benchmarks/startup.py"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from _common import machine_line

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import dyml": [sys.executable, "-c", "import dyml"],
    "dyml --help": [str(Path(sys.executable).with_name("dyml")), "--help"],
    "dyml train --help": [str(Path(sys.executable).with_name("dyml")), "train", "--help"],
}


def main() -> None:
    """Print the median of ten runs of each."""
    print(machine_line())
    for name, command in COMMANDS.items():
        seconds = []
        for _ in range(10):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
        print(f"{name:20} {statistics.median(seconds):.2f} s   (target: below 1 s)")


if __name__ == "__main__":
    main()
