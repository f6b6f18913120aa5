"""Cross-Scale Learning with a million fine classes: whole, streamed and sampled steps, in one run.

    python benchmarks/many_classes.py             # a million classes of length 128
    python benchmarks/many_classes.py --quick     # a twentieth of it, to see that all works

A step is forward, backward and the optimiser's own. The contestants take turns; each is given in seconds and
as a multiple of the three matrix products of the whole size. Memory is the peak resident set of a process
that makes two such steps, in GiB, proxies and optimiser state included.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import normalize

from _common import interleaved_times, machine_line, median_ratio
from dyml.losses import CrossScaleLoss, SampledCrossScaleLoss
from dyml.taxonomy import Taxonomy

BATCH, DIM, FINE, MIDDLE, COARSE = 256, 128, 1_000_000, 10_000, 100
PRODUCTS = "three products"
NAMES = (
    PRODUCTS,
    "whole, Adam",
    "whole, streamed, Adam",
    "a tenth, Adam",
    "a tenth, SparseAdam",
    "a hundredth, SparseAdam",
)


def make_step(name: str, fine: int) -> Callable[[], object]:
    """Return one contestant's step: a random batch against random proxies in a random tree."""
    generator = torch.Generator().manual_seed(0)
    x = normalize(torch.randn(BATCH, DIM, generator=generator), dim=1).requires_grad_()
    if name == PRODUCTS:
        w, still = torch.randn(fine, DIM, generator=generator), x.detach()

        def products() -> None:
            z = w @ still.T
            z @ still
            z.T @ w

        return products
    classes = torch.arange(fine)
    middle = classes * min(MIDDLE, fine) // fine
    lineage = torch.stack([classes, middle, middle % COARSE], dim=1)
    labels = lineage[torch.randint(fine, (BATCH,), generator=generator)]
    taxonomy = Taxonomy.from_labels(lineage.numpy(), ("fine", "middle", "coarse"))
    loss = make_loss(name, taxonomy)
    sparse = name.endswith("SparseAdam")
    optimiser = (torch.optim.SparseAdam if sparse else torch.optim.Adam)(loss.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        loss(x, labels).backward()
        optimiser.step()

    return step


def make_loss(name: str, taxonomy: Taxonomy) -> nn.Module:
    """Return the loss of a contestant."""
    if name.startswith("whole"):
        return CrossScaleLoss(taxonomy, DIM, recompute="streamed" in name)
    share = 0.01 if "hundredth" in name else 0.1
    return SampledCrossScaleLoss(taxonomy, DIM, share=share, sparse=name.endswith("SparseAdam"))


def peak_memory(name: str, fine: int) -> float:
    """Return the peak resident set, in GiB, of a process that makes two steps."""
    command = [sys.executable, str(Path(__file__).resolve()), "--alone", name, "--classes", str(fine)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)) / 2**20


def main() -> None:
    """Run and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a twentieth of the classes")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed")
    parser.add_argument("--classes", type=int, default=FINE, help="fine classes")
    parser.add_argument("--threads", type=int, default=None, help="processor threads; by default torch's own")
    parser.add_argument("--alone", choices=NAMES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    fine = given.classes // 20 if given.quick else given.classes
    if given.alone:
        step = make_step(given.alone, fine)
        for _ in range(2):
            step()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    print(machine_line())
    memory = {name: peak_memory(name, fine) for name in NAMES}
    times = interleaved_times({name: make_step(name, fine) for name in NAMES}, given.rounds)
    print(f"\nB {BATCH}, D {DIM}, F {fine:,}: medians of {given.rounds} rounds\n")
    print("| step | seconds | times three products | peak memory, GiB |\n| --- | --- | --- | --- |")
    for name in NAMES:
        seconds, ratio = statistics.median(times[name]), median_ratio(times, name, PRODUCTS)
        print(f"| {name} | {seconds:.3f} | {ratio:.2f} | {memory[name]:.2f} |")


if __name__ == "__main__":
    main()
