"""Time and memory of Cross-Scale Learning at DyML-Vehicle size, as ratios measured in one run.

    python benchmarks/cross_scale.py             # the full size
    python benchmarks/cross_scale.py --quick     # a tenth of it, to see that all works

Forward and backward of the loss are timed in turns with three plain matrix products of the same size (the
least that any such loss must do), with softmax cross-entropy over the same normalised proxies, and with the
masked reference form. Memory is the peak resident set of a process that does one step, less that of a process
that only holds the inputs and gradients, in units of B · F numbers.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml.losses import CrossScaleLoss, cross_scale_terms_reference
from dyml.taxonomy import Taxonomy

MARGINS, SCALE = (0.25, 0.35, 0.45), 32.0
TARGETS = {"three products": 1.5, "softmax": 1.0}
MEMORY_TARGET = 1.3


class Size(NamedTuple):
    """B pictures, D numbers in an embedding, F fine, then middle and coarse classes."""

    batch: int
    dim: int
    fine: int
    middle: int
    coarse: int


class Problem:
    """A batch, a tree and proxies of one size, all random, and the steps that are compared."""

    def __init__(self, size: Size) -> None:
        generator = torch.Generator().manual_seed(0)
        fine = torch.arange(size.fine)
        middle = torch.randint(size.middle, (size.fine,), generator=generator)
        lineage = torch.stack([fine, middle, middle % size.coarse], dim=1)
        taxonomy = Taxonomy.from_labels(lineage.numpy(), ("fine", "middle", "coarse"))
        self.loss = CrossScaleLoss(taxonomy, size.dim, MARGINS, SCALE)
        self.labels = lineage[torch.randint(size.fine, (size.batch,), generator=generator)]
        batch = torch.randn(size.batch, size.dim, generator=generator)
        self.embeddings = normalize(batch, dim=1).requires_grad_()
        self.steps: dict[str, Callable[[], object]] = {
            "CSL": self.csl,
            "three products": self.three_products,
            "softmax": self.softmax,
            "reference": self.reference,
        }

    def csl(self) -> None:
        self._backward(self.loss(self.embeddings, self.labels))

    def softmax(self) -> None:
        logits = SCALE * self.embeddings @ normalize(self.loss.proxies, dim=1).T
        self._backward(cross_entropy(logits, self.labels[:, 0]))

    def reference(self) -> None:
        terms = cross_scale_terms_reference(
            self.embeddings, self.labels[:, 0], self.loss.proxies, self.loss.lineage, MARGINS, SCALE
        )
        self._backward(terms.sum(0).mean())

    @torch.no_grad()
    def three_products(self) -> None:
        """Similarities, then what brings a gradient of their size back to both inputs."""
        similarities = self.loss.proxies @ self.embeddings.T
        similarities.T @ self.loss.proxies
        similarities @ self.embeddings

    def hold(self) -> None:
        """Hold the inputs and gradients: what the memory of a step is counted from."""
        self.embeddings.grad = torch.ones_like(self.embeddings)
        self.loss.proxies.grad = torch.ones_like(self.loss.proxies)

    def _backward(self, value: Tensor) -> None:
        self.embeddings.grad = self.loss.proxies.grad = None
        value.backward()


def peak_memory() -> int:
    """Return the greatest resident set of this process so far, in bytes.

    Linux' VmHWM is asked first: getrusage counts the parent's memory before the start of this program, too.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def print_step_memory(step: str, size: Size) -> None:
    """Do one step, print the process' peak memory; every step has run small before, so that all is loaded."""
    small = Problem(size._replace(batch=8, fine=2 * size.middle, dim=8))
    for run in small.steps.values():
        run()
    problem = Problem(size)
    (problem.hold if step == "hold" else problem.steps[step])()
    print(peak_memory())


def step_memory(step: str, arguments: list[str]) -> int:
    """Return the peak memory of a process of its own that does one step, in bytes."""
    command = [sys.executable, __file__, "--only-memory-of", step, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return int(done.stdout)


def measure(size: Size, rounds: int, arguments: list[str]) -> dict[str, Any]:
    """Return median seconds, CSL's ratio to each other step and the extra memory in units of B · F."""
    problem = Problem(size)
    held = step_memory("hold", arguments)
    unit = 4 * size.batch * size.fine
    memory = {
        step: (step_memory(step, arguments) - held) / unit
        for step in problem.steps
        if step != "three products"
    }
    times = interleaved_times(problem.steps, rounds)
    return {
        "machine": machine(),
        "size": size._asdict(),
        "rounds": rounds,
        "seconds": {step: statistics.median(values) for step, values in times.items()},
        "CSL over": {step: median_ratio(times, "CSL", step) for step in times if step != "CSL"},
        "memory in B*F": memory,
    }


def print_table(result: dict[str, Any]) -> None:
    """Print what `measure` returned."""
    size = Size(**result["size"])
    print(machine_line())
    print(
        f"forward + backward, float32: B {size.batch}, D {size.dim}, F {size.fine:,}, {size.middle} middle, "
        f"{size.coarse} coarse; medians of {result['rounds']} rounds in turns\n"
    )
    print(f"{'':16}{'ms':>9}{'CSL / it':>10}{'target':>9}{'memory / (B·F)':>17}")
    for step, seconds in result["seconds"].items():
        ratio, target = result["CSL over"].get(step), TARGETS.get(step)
        memory = result["memory in B*F"].get(step)
        cells = [
            f"{step:16}{seconds * 1e3:9.1f}",
            f"{ratio:10.2f}" if ratio is not None else f"{'':10}",
            f"{f'≤ {target}':>9}" if target is not None else f"{'':9}",
            f"{memory:17.2f}" if memory is not None else "",
            f"  target ≤ {MEMORY_TARGET}" if step == "CSL" else "",
        ]
        print("".join(cells).rstrip())
    print(f"\nmemory: peak resident set beyond that of holding inputs and gradients; {_memory_source()}")


def _memory_source() -> str:
    source = "VmHWM" if Path("/proc/self/status").is_file() else "getrusage"
    return f"each in a process of its own, by {source}"


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Time and memory of Cross-Scale Learning.")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    parser.add_argument("--rounds", type=int, help="rounds of timing (default 15, quick 3)")
    parser.add_argument("--classes", type=int, help="fine classes F (default 39,491, quick 4,000)")
    parser.add_argument("--middle", type=int, default=93, help="middle classes (default %(default)s)")
    parser.add_argument("--batch", type=int, default=256, help="batch size B (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small and short, to see that all works")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    parser.add_argument("--only-memory-of", metavar="STEP", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    fine = options.classes or (4_000 if options.quick else 39_491)
    size = Size(options.batch, 512, fine, options.middle, min(5, options.middle))
    if options.only_memory_of:
        print_step_memory(options.only_memory_of, size)
        return
    result = measure(size, options.rounds or (3 if options.quick else 15), sys.argv[1:])
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        print_table(result)


if __name__ == "__main__":
    main()
