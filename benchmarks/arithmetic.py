"""Which arithmetic a network is fast in on this machine: float32 or bfloat16, channels first or last.

    python benchmarks/arithmetic.py

Times forward and backward in turns; prints pictures a second and the ratio to float32, channels first.
This is what `train.precision: auto` and the embedder's memory layout rest on.
"""

import argparse
import json
from collections.abc import Callable

import torch

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml import Embedder

NETWORKS = (("dyml_small", 64, 3), ("dyml_small", 32, 1), ("resnet18", 128, 3))
PLAIN = "float32, channels first"


def contestants(backbone: str, size: int, channels: int, batch: int) -> dict[str, Callable[[], None]]:
    """Return one forward and backward for each arithmetic."""
    images = torch.rand(batch, channels, size, size)

    def step(last: bool, half: bool) -> Callable[[], None]:
        layout = torch.channels_last if last else torch.contiguous_format
        embedder = Embedder(backbone, channels=channels, image_size=size).to(memory_format=layout)

        def run() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                vectors = embedder(images)
            vectors.sum().backward()

        return run

    return {
        PLAIN: step(last=False, half=False),
        "float32, channels last": step(last=True, half=False),
        "bfloat16, channels first": step(last=False, half=True),
        "bfloat16, channels last": step(last=True, half=True),
    }


def main() -> None:
    """Print a table a network."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    rows = []
    for backbone, size, channels in NETWORKS:
        times = interleaved_times(contestants(backbone, size, channels, given.batch), given.rounds)
        for name in times:
            seconds = sorted(times[name])[given.rounds // 2]
            faster = median_ratio(times, PLAIN, name)
            rows.append({"network": f"{backbone} {size} px", "arithmetic": name, "faster": faster})
            rows[-1]["pictures a second"] = given.batch / seconds
    if given.json:
        print(json.dumps({"machine": machine(), "rows": rows}))
        return
    print(machine_line())
    for row in rows:
        print(
            f"{row['network']:18} {row['arithmetic']:26} {row['pictures a second']:8.0f} pictures/s"
            f"  {row['faster']:5.2f} x"
        )


if __name__ == "__main__":
    main()
