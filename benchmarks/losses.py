"""Time and memory of every loss of the study, forward and backward, as ratios measured in one run.

    python benchmarks/losses.py                          # a table
    python benchmarks/losses.py --json docs/losses.json  # and the file that `dyml study` puts into its page
    python benchmarks/losses.py --quick                  # small and short, to see that all works

All losses take turns, with three plain matrix products: those of the batch with one proxy for each fine
class, forward and for both gradients. Memory is the peak resident set of one step beyond what is held before
and after it (inputs, proxies, gradients), on Linux alone. The batch has four pictures a class. What
Cross-Scale Learning costs with many classes is measured by cross_scale.py and many_classes.py.
"""

import argparse
import ctypes
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml.files import write_json
from dyml.losses.building import build
from dyml.losses.protocols import TaughtLoss
from dyml.study.method_files import choose_methods
from dyml.study.methods import Method
from dyml.study.running import peak_memory, reset_peak_memory
from dyml.taxonomy import Taxonomy

PRODUCTS = "three products"
M_MMAP_THRESHOLD = -3


class Size(NamedTuple):
    """B pictures, D numbers in an embedding, F fine, then middle and coarse classes."""

    batch: int = 256
    dim: int = 128
    fine: int = 1000
    middle: int = 100
    coarse: int = 10


class Step:
    """One loss with a random batch in a random tree: forward and backward."""

    def __init__(self, method: Method, size: Size) -> None:
        torch.manual_seed(0)
        fine = torch.arange(size.fine)
        middle = fine * size.middle // size.fine
        lineage = torch.stack([fine, middle, middle * size.coarse // size.middle], dim=1)
        taxonomy = Taxonomy.from_labels(lineage.numpy(), ("fine", "middle", "coarse"))
        dim = method.settings.get("model.dim", size.dim)
        options = {key: value for key, value in method.loss.items() if key != "type"}
        self.loss = build(method.loss["type"], options, method.key, {"taxonomy": taxonomy, "dim": dim})
        self.labels = lineage[torch.randperm(size.fine)[: size.batch // 4].repeat(4)]
        centres = torch.randn(size.fine, dim)[self.labels[:, 0]]
        self.embeddings = normalize(centres + torch.randn(size.batch, dim), dim=1).requires_grad_()
        self.more: tuple[Tensor, ...] = ()
        if isinstance(self.loss, TaughtLoss) and self.loss.auxiliary is not None:
            shape = (size.batch, self.loss.auxiliary.length)
            self.more = (torch.randn(shape, requires_grad=True), torch.randn(shape))
        self()  # from here on the gradients are held

    def __call__(self) -> None:
        for held in (self.embeddings, *self.more, *self.loss.parameters()):
            if held.grad is not None:
                held.grad.zero_()
        self.loss(self.embeddings, self.labels, *self.more).backward()


def products(size: Size) -> Callable[[], object]:
    """Return the three products of a batch with one proxy for each fine class."""
    x, w = torch.randn(size.batch, size.dim), torch.randn(size.fine, size.dim)

    def run() -> None:
        similarities = x @ w.T
        similarities @ w
        similarities.T @ x

    return run


def give_back_memory() -> bool:
    """Let freed arrays go back to the system at once, so that the resident set says what is held."""
    try:
        return bool(ctypes.CDLL("libc.so.6").mallopt(M_MMAP_THRESHOLD, 1 << 16))
    except (OSError, AttributeError):
        return False


def step_memory(step: Callable[[], object]) -> int | None:
    """Return the peak resident set of one step less what is held before it, in bytes; None but on Linux."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    reset_peak_memory()
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    step()
    return max(0, peak_memory() - int(line.split()[1]) * 1024)


def measure(size: Size, rounds: int, methods: tuple[Method, ...]) -> dict[str, Any]:
    """Return, by short name, the median seconds, the ratio to the products, the extra memory in bytes."""
    exact = give_back_memory()
    steps: dict[str, Callable[[], object]] = {method.key: Step(method, size) for method in methods}
    memory = {key: step_memory(step) if exact else None for key, step in steps.items()}
    times = interleaved_times({PRODUCTS: products(size), **steps}, rounds)
    return {
        "machine": machine(),
        "words": f"B {size.batch}, D {size.dim}, F {size.fine:,} ({torch.get_num_threads()} thread)",
        "rounds": rounds,
        "products": statistics.median(times[PRODUCTS]),
        "losses": {
            key: {
                "seconds": statistics.median(times[key]),
                "ratio": median_ratio(times, key, PRODUCTS),
                "bytes": memory[key],
            }
            for key in steps
        },
    }


def print_table(result: dict[str, Any], titles: dict[str, str]) -> None:
    """Print what `measure` returned, the fastest first."""
    print(machine_line())
    print(f"forward + backward, float32: {result['words']}; medians of {result['rounds']} rounds in turns\n")
    print("| loss | ms | over the products | extra memory, MiB |\n| --- | ---: | ---: | ---: |")
    print(f"| {PRODUCTS} | {1e3 * result['products']:.2f} | 1.0 | |")
    for key, one in sorted(result["losses"].items(), key=lambda item: item[1]["ratio"]):
        memory = "–" if one["bytes"] is None else f"{one['bytes'] / 2**20:.1f}"
        print(f"| {titles[key]} | {1e3 * one['seconds']:.2f} | {one['ratio']:.1f} | {memory} |")


def main() -> None:
    """Measure what is asked for, print it, and keep it where that is wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", help="short names; by default all of the study")
    parser.add_argument("--methods-file", type=Path, help="methods of your own, as of `dyml study`")
    parser.add_argument("--rounds", type=int, help="how often each is timed (default 15, quick 3)")
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small and short, to see that all works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    methods = choose_methods(given.methods, given.methods_file)
    size = Size(batch=32, fine=100, middle=20, coarse=5) if given.quick else Size()
    result = measure(size, given.rounds or (3 if given.quick else 15), methods)
    print_table(result, {method.key: method.title for method in methods})
    if given.json:
        write_json(given.json, result)
        print(f"\nfigures  {given.json}", file=sys.stderr)


if __name__ == "__main__":
    main()
