"""Time and memory of the evaluation, as ratios measured in one run.

    python benchmarks/evaluation.py             # 5,900 queries in a gallery of 63,500, some minutes
    python benchmarks/evaluation.py --quick     # 512 queries, to see that all works
    python benchmarks/evaluation.py --growth 10000 50000 200000     # leave-one-out over so many, too

The whole call of `evaluate` (all measures at one scale) is timed in turns with the matrix product alone, in
blocks with memory made before; the faster of numpy's and torch's counts. Peers are timed on a part of the
queries and scaled, since their cost grows in step with the queries. Threads follow OMP_NUM_THREADS.

open-metric-learning asks for numpy below 2, so it cannot be installed beside this package. Its measures run
all the same, from a folder of its own:

    pip install --no-deps --target FOLDER open-metric-learning omegaconf antlr4-python3-runtime==4.9.3
    python benchmarks/evaluation.py --open-metric-learning FOLDER
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from torchmetrics.functional.retrieval import retrieval_average_precision

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml.metrics import evaluate

ITEMS, DIM = 63_500, 512
TARGETS = {6: 1.6, 8_183: 1.3}
SPREAD = {6: 3.0, 8_183: 1.6}
BLOCK = 512
# What open-metric-learning imports, but its measures do not use.
UNUSED = ("albumentations", "cv2", "gdown", "omegaconf", "pandas", "validators")


class Problem:
    """Queries and a gallery that scatter around class centres, seeded."""

    def __init__(self, queries: int, items: int, classes: int, dim: int = DIM) -> None:
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(classes, dim)).astype(np.float32)

        def draw(count: int) -> tuple[Any, Any]:
            labels = rng.integers(0, classes, count)
            vectors = centres[labels]
            vectors += SPREAD.get(classes, 2.0) * rng.standard_normal((count, dim), dtype=np.float32)
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels

        self.query, self.query_labels = draw(queries)
        self.gallery, self.gallery_labels = draw(items)
        self.out = np.empty((min(BLOCK, queries), items), np.float32)

    def dyml(self) -> float:
        result = evaluate(self.query, self.query_labels, self.gallery, self.gallery_labels, scales=("only",))
        return float(result.by_scale["only"]["mAP"] or 0)

    def numpy_product(self) -> None:
        for block in np.split(self.query, range(BLOCK, len(self.query), BLOCK)):
            np.matmul(block, self.gallery.T, out=self.out[: len(block)])

    def torch_product(self) -> None:
        out, gallery = torch.from_numpy(self.out), torch.from_numpy(self.gallery)
        for block in torch.from_numpy(self.query).split(BLOCK):
            torch.mm(block, gallery.T, out=out[: len(block)])

    def full_argsort(self) -> float:
        """Sort every list in whole, lay out the relevance, average the precision: the usual way."""
        gallery, labels = torch.from_numpy(self.gallery), torch.from_numpy(self.gallery_labels)
        ranks, values = torch.arange(1, len(gallery) + 1), []
        for block, own in zip(
            torch.from_numpy(self.query).split(64), torch.from_numpy(self.query_labels).split(64)
        ):
            order = (block @ gallery.T).argsort(dim=1, descending=True, stable=True)
            hits = labels[order] == own[:, None]
            values.append((hits.cumsum(1) / ranks * hits).sum(1) / hits.sum(1))
        return float(torch.cat(values).nanmean())

    def torchmetrics(self) -> float:
        gallery, labels = torch.from_numpy(self.gallery), torch.from_numpy(self.gallery_labels)
        values = []
        for vector, own in zip(torch.from_numpy(self.query), self.query_labels):
            # It counts items of a score of 0 or less as not relevant, so lift the scores.
            target = labels == int(own)
            if target.any():
                values.append(retrieval_average_precision(gallery @ vector + 2, target))
        return float(torch.stack(values).mean())

    def metric_learning(self) -> float:
        names = ("mean_average_precision", "mean_average_precision_at_r", "r_precision", "precision_at_1")
        knn = CustomKNN(CosineSimilarity(), batch_size=64)
        calculator = AccuracyCalculator(
            include=names, k=len(self.gallery), knn_func=knn, device=torch.device("cpu")
        )
        arrays = (self.query, self.query_labels, self.gallery, self.gallery_labels)
        return float(calculator.get_accuracy(*map(torch.from_numpy, arrays))["mean_average_precision"])

    def open_metric_learning(self) -> float:
        knn, metrics = map(import_module, ("oml.functional.knn", "oml.functional.metrics"))
        arrays = map(torch.from_numpy, (self.query, self.gallery))
        labels = map(torch.from_numpy, (self.query_labels, self.gallery_labels))
        size = len(self.gallery)
        _, found, relevant = knn.batched_knn_qg(*arrays, size, *labels)
        options = {"cmc_top_k": (1, 5, 10, 20), "precision_top_k": (), "map_top_k": (size,), "verbose": False}
        return float(metrics.calc_retrieval_metrics(found, relevant, **options)["map"][size])


def find_open_metric_learning(folder: Path) -> None:
    """Make its measures importable from a folder; an empty stand-in for each module that they do not use."""
    sys.path.append(str(folder))
    if find_spec("oml") is None:
        sys.exit(f"{folder} holds no open-metric-learning: pip install --no-deps --target {folder} …")
    for name in UNUSED:
        if find_spec(name) is None:
            sys.modules[name] = MagicMock()


def extra_memory(queries: int, items: int, classes: int, dim: int, own: bool) -> dict[str, float]:
    """Evaluate in a process of its own: seconds, and bytes of its peak beyond what it held before."""
    code = f"import evaluation as e; e.print_extra_memory({queries}, {items}, {classes}, {dim}, {own})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout))


def print_extra_memory(queries: int, items: int, classes: int, dim: int, own: bool) -> None:
    """Print what `extra_memory` returns; Linux alone tells the peak."""
    small = Problem(10, 1000, 6, dim)
    evaluate(
        small.query,
        small.query_labels,
        small.gallery,
        small.gallery_labels,
        scales=("only",),
        engine="counting",
    )
    problem = Problem(queries, items, classes, dim)
    del problem.out
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # The peak counts from here.
    start = time.perf_counter()
    if own:
        evaluate(problem.gallery, problem.gallery_labels, scales=("only",))
    else:
        problem.dyml()
    print(json.dumps({"seconds": time.perf_counter() - start, "bytes": status("VmHWM") - before}))


def status(key: str) -> int:
    """Return a line of this process' status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


def measure(queries: int, part: int, classes: int, rounds: int) -> dict[str, Any]:
    """Time everything at one number of classes."""
    problem = Problem(queries, ITEMS, classes)
    runs = {"dyml": problem.dyml, "numpy": problem.numpy_product, "torch": problem.torch_product}
    processor: dict[str, list[float]] = {name: [] for name in runs}
    clocked = {name: partial(add_processor_time, run, processor[name]) for name, run in runs.items()}
    times = interleaved_times(clocked, rounds)
    product = min(("numpy", "torch"), key=lambda name: statistics.median(times[name]))
    seconds = {
        "product (numpy)": statistics.median(times["numpy"]),
        "product (torch)": statistics.median(times["torch"]),
        "dyml": statistics.median(times["dyml"]),
    }
    values = {"dyml": problem.dyml()}
    few = Problem(queries, ITEMS, classes)
    few.query, few.query_labels = few.query[:part], few.query_labels[:part]
    peers: dict[str, Callable[[], float]] = {
        "full argsort": few.full_argsort,
        "torchmetrics": few.torchmetrics,
        "metric-learning": few.metric_learning,
    }
    if "oml" in sys.modules or find_spec("oml") is not None:
        peers["open-metric-learning"] = few.open_metric_learning
    values["dyml, same part"] = few.dyml()
    for name, run in peers.items():
        start = time.perf_counter()
        values[name] = run()
        seconds[name] = (time.perf_counter() - start) * queries / part
    ratios = {
        "time": median_ratio(times, "dyml", product),
        "processor time": median_ratio(processor, "dyml", product),
        "least time": min(times["dyml"]) / min(times[product]),
    }
    memory = (
        extra_memory(queries, ITEMS, classes, DIM, own=False)["bytes"] if Path("/proc").is_dir() else None
    )
    return {
        "classes": classes,
        "seconds": seconds,
        "mAP": values,
        "dyml over product": ratios,
        "bytes": memory,
    }


def add_processor_time(run: Callable[[], object], to: list[float]) -> None:
    """Run, and note the processor time of all threads, which work beside this one disturbs less."""
    start = time.process_time()
    run()
    to.append(time.process_time() - start)


def print_table(result: dict[str, Any]) -> None:
    """Print what `measure` returned."""
    classes, ours = result["classes"], result["seconds"]["dyml"]
    print(f"\n{classes:,} classes{'seconds':>22}{'it / dyml':>12}{'mAP':>10}")
    for name, seconds in result["seconds"].items():
        value = result["mAP"].get(name)
        print(f"{name:20}{seconds:19.2f}{seconds / ours:12.2f}" + ("" if value is None else f"{value:10.4f}"))
    print(f"{'(dyml, same part)':51}{result['mAP']['dyml, same part']:10.4f}")
    target = f"  (target ≤ {TARGETS[classes]})" if classes in TARGETS else ""
    ratios = ", ".join(f"{ratio:.2f} in {clock}" for clock, ratio in result["dyml over product"].items())
    print(f"dyml / faster product: {ratios}{target}")
    if result["bytes"] is not None:
        print(f"memory beyond the inputs: {result['bytes'] / 2**20:.0f} MiB  (target ≤ 1024)")


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Time and memory of the evaluation.")
    parser.add_argument("--quick", action="store_true", help="few queries, to see that all works")
    parser.add_argument("--queries", type=int, help="number of queries (default 5,900, quick 512)")
    parser.add_argument("--rounds", type=int, help="rounds of timing (default 5, quick 3)")
    parser.add_argument(
        "--classes", type=int, nargs="+", default=[6, 8_183], help="classes (default %(default)s)"
    )
    parser.add_argument(
        "--growth", type=int, nargs="*", default=[], help="leave-one-out over so many, 128 numbers each"
    )
    parser.add_argument(
        "--open-metric-learning", type=Path, metavar="FOLDER", help="where it is installed, to time it, too"
    )
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.open_metric_learning is not None:
        find_open_metric_learning(options.open_metric_learning)
    queries = options.queries or (512 if options.quick else 5_900)
    rounds = options.rounds or (3 if options.quick else 5)
    results = [
        measure(queries, min(queries, 64 if options.quick else 256), c, rounds) for c in options.classes
    ]
    growth = {n: extra_memory(1, n, n // 20, 128, own=True) for n in options.growth}
    if options.json:
        print(
            json.dumps(
                {"machine": machine(), "queries": queries, "results": results, "growth": growth}, indent=1
            )
        )
        return
    print(machine_line())
    print(f"{queries:,} queries in {ITEMS:,} items of {DIM} numbers; medians of {rounds} rounds in turns")
    for result in results:
        print_table(result)
    for n, found in growth.items():
        memory = f"{found['bytes'] / 2**20:.0f} MiB beyond the inputs"
        print(f"leave-one-out over {n:,} of 128 numbers: {found['seconds']:.1f} s, {memory}")


if __name__ == "__main__":
    main()
