"""Searching and filling a gallery beside its engines called directly, in turns in one run.

    python benchmarks/search.py             # 200,000 vectors of 256 numbers
    python benchmarks/search.py --quick     # 20,000, to see that all works
    python benchmarks/search.py --count 1000000 --dim 128 --flat-limit 500000     # inverted lists

Search: `Gallery.search` against `faiss` on the same index file, mapped into memory as the gallery maps it:
single queries and batches. Add: `Gallery.add` of ids, vectors and three scales of labels (Python lists and an
array) against `lancedb`'s `add` of tables made of the same, batch by batch; against the same with tables made
before; and with the index published, against lancedb and a faiss index written and synced. Memory is measured
in processes of their own.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import faiss
import lancedb
import numpy as np
import pyarrow as pa

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml.index import Gallery
from dyml.index.building import read_index
from dyml.index.published import VECTORS

SCALES = ("fine", "middle", "coarse")
TARGETS = {"single": 1.2, "batch": 1.2, "add": 0.8}
TOP = 10


class Problem:
    """Unit vectors in three nested levels of classes, seeded."""

    def __init__(self, count: int, dim: int) -> None:
        rng = np.random.default_rng(0)
        coarse = rng.standard_normal((10, dim), dtype=np.float32)
        middle = coarse[np.arange(200) % 10] + 0.8 * rng.standard_normal((200, dim), dtype=np.float32)
        fines = max(200, count // 50)
        fine = middle[np.arange(fines) % 200] + 0.6 * rng.standard_normal((fines, dim), dtype=np.float32)
        own = rng.integers(0, fines, count)
        self.vectors = fine[own] + 0.5 * rng.standard_normal((count, dim), dtype=np.float32)
        self.vectors /= np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self.ids = [f"pictures/{i:08d}.jpg" for i in range(count)]
        self.labels = {
            "fine": [f"fine {i}" for i in own],
            "middle": [f"middle {i % 200}" for i in own],
            "coarse": [f"coarse {i % 200 % 10}" for i in own],
        }
        noise = 0.02 * rng.standard_normal((1024, dim), dtype=np.float32)
        self.queries = self.vectors[rng.integers(0, count, 1024)] + noise
        self.queries /= np.linalg.norm(self.queries, axis=1, keepdims=True)


def fill(problem: Problem, folder: Path, batch: int, flat_limit: int, flush: bool) -> float:
    """Add all to a new gallery; return the seconds that `add` took."""
    gallery = Gallery.create(folder, problem.vectors.shape[1], SCALES, flat_limit=flat_limit)
    if not flush:
        gallery.engine.flush = lambda force=False: None  # type: ignore[method-assign]
    start = time.perf_counter()
    gallery.add(ids=problem.ids, vectors=problem.vectors, labels=problem.labels, batch=batch)
    return time.perf_counter() - start


def fill_engine(problem: Problem, tables: Iterable[Any], folder: Path, vectors: Any | None) -> float:
    """Add the same columns to lancedb, and write a faiss index where vectors are given; return seconds."""
    schema = next(engine_tables(problem, 1)).schema
    table = lancedb.connect(str(folder)).create_table("items", schema=schema)
    start = time.perf_counter()
    for part in tables:
        table.add(part)
    if vectors is not None:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        faiss.write_index(index, str(folder / "vectors.faiss"))
        with open(folder / "vectors.faiss", "r+b") as written:
            os.fsync(written.fileno())
    return time.perf_counter() - start


def engine_tables(problem: Problem, batch: int) -> Iterator[Any]:
    """Yield the columns as lancedb takes them, batch by batch."""
    count, dim = problem.vectors.shape
    for start in range(0, count, batch):
        here = slice(start, start + batch)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(problem.vectors[here].reshape(-1)), dim)
        columns = {"id": pa.array(problem.ids[here]), "vector": vectors}
        yield pa.table(columns | {scale: pa.array(names[here]) for scale, names in problem.labels.items()})


def measure_add(problem: Problem, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Time adding in turns."""
    made = list(engine_tables(problem, options.batch))
    seconds: dict[str, list[float]] = {}
    for round_ in range(options.rounds + 1):
        contestants: dict[str, Callable[[Path], float]] = {
            "lancedb, tables made before": lambda folder: fill_engine(problem, made, folder, None),
            "lancedb": lambda folder: fill_engine(
                problem, engine_tables(problem, options.batch), folder, None
            ),
            "dyml, rows": lambda folder: fill(problem, folder, options.batch, options.flat_limit, False),
            "lancedb + faiss": lambda folder: fill_engine(
                problem, engine_tables(problem, options.batch), folder, problem.vectors
            ),
            "dyml, rows and index": lambda folder: fill(
                problem, folder, options.batch, options.flat_limit, True
            ),
        }
        for name, run in contestants.items():
            folder = work / f"{name}-{round_}"
            folder.mkdir(parents=True)
            taken = run(folder)
            shutil.rmtree(folder)
            if round_:
                seconds.setdefault(name, []).append(taken)
    ratio = median_ratio(seconds, "lancedb", "dyml, rows")
    before = median_ratio(seconds, "lancedb, tables made before", "dyml, rows")
    whole = median_ratio(seconds, "lancedb + faiss", "dyml, rows and index")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {"seconds": medians, "rows": ratio, "rows, tables made before": before, "rows and index": whole}


def measure_search(problem: Problem, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Time searching in turns, on one index file."""
    gallery = Gallery.open(folder)
    gallery.engine.flush(force=True)
    file = next(folder.glob(f"index/*/{VECTORS}"))
    index = read_index(file)
    queries, singles = problem.queries, options.singles
    chosen = None
    if index.fast is not None:
        probes = faiss.SearchParametersIVF(nprobe=64)
        chosen = faiss.IndexRefineSearchParameters(k_factor=4, base_index_params=probes)

    def engine(block: int, count: int) -> None:
        for start in range(0, count, block):
            index.holder.search(queries[start : start + block], TOP, params=chosen)

    def ours(block: int, count: int) -> None:
        for start in range(0, count, block):
            gallery.search(queries[start] if block == 1 else queries[start : start + block], k=TOP)

    found: dict[str, Any] = {}
    for name, block, count in (("single", 1, singles), ("batch", 256, 256 * max(1, singles // 64))):
        count = min(count, len(queries))
        contestants = {
            "faiss": lambda b=block, c=count: engine(b, c),
            "dyml": lambda b=block, c=count: ours(b, c),
        }
        times = interleaved_times(contestants, options.rounds)
        per_query = {key: 1000 * statistics.median(values) / count for key, values in times.items()}
        found[name] = {"ms": per_query, "ratio": median_ratio(times, "dyml", "faiss")}
    found["others, ms"] = other_searches(gallery, problem, singles)
    truth = np.argsort(-(queries[:64] @ problem.vectors.T), axis=1)[:, :TOP]
    hits = gallery.search(queries[:64], k=TOP)
    same = [len({h.id for h in row} & {problem.ids[i] for i in best}) for row, best in zip(hits, truth)]
    found["recall"] = float(np.mean(same)) / TOP
    return found


def other_searches(gallery: Gallery, problem: Problem, count: int) -> dict[str, float]:
    """Time what faiss alone does not do: filters, ranges, groups, labels of single items."""
    q = problem.queries
    where = {"middle": "middle 7"}
    calls: dict[str, Callable[[int], Any]] = {
        "filter (0.5 % of items)": lambda i: gallery.search(q[i], k=TOP, where=where),
        "filter (10 %)": lambda i: gallery.search(q[i], k=TOP, where={"coarse": "coarse 3"}),
        "top 1000": lambda i: gallery.search(q[i], k=1000),
        "range, cosine ≥ 0.4": lambda i: gallery.range(q[i], min_similarity=0.4),
        "10 groups": lambda i: gallery.groups(q[i], "middle", k=10),
        "item without pixels": lambda i: gallery.get(problem.ids[i], payload=False),
        "item with pixels": lambda i: gallery.get(problem.ids[i]),
    }
    found = {}
    for name, call in calls.items():
        call(0)
        start = time.perf_counter()
        for i in range(count):
            call(i % len(q))
        found[name] = 1000 * (time.perf_counter() - start) / count
    return found


def memory(folder: Path, who: str, dim: int) -> float | None:
    """Search in a process of its own; return the MiB that are its own, and with the mapped file."""
    if not Path("/proc/self/status").is_file():
        return None
    code = f"import search; search.print_memory({str(folder)!r}, {who!r}, {dim})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout))  # type: ignore[return-value]


def print_memory(folder: str, who: str, dim: int) -> None:
    """Print the memory that opening and 20 searches took: private, and with pages of mapped files."""
    before = resident()
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((20, dim), dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    if who == "dyml":
        gallery = Gallery.open(folder)
        for query in queries:
            gallery.search(query, k=TOP)
    else:
        index = read_index(next(Path(folder).glob(f"index/*/{VECTORS}")))
        for query in queries:
            index.holder.search(query[None], TOP)
    after = resident()
    print(json.dumps({key: (after[key] - before[key]) / 2**10 for key in after}))


def resident() -> dict[str, int]:
    """Return this process' private and file-backed memory in KiB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"private": int(lines["RssAnon"].split()[0]), "mapped": int(lines["RssFile"].split()[0])}


def print_result(result: dict[str, Any], options: argparse.Namespace) -> None:
    """Print what was measured."""
    print(machine_line())
    kind = "exact" if options.count <= options.flat_limit else "inverted lists"
    print(f"{options.count:,} vectors of {options.dim} numbers, {kind}, top {TOP}; {options.rounds} rounds")
    search, add = result["search"], result["add"]
    print(f"\n{'search':28}{'faiss ms':>10}{'dyml ms':>10}{'ratio':>8}   target")
    for name, words in (("single", "one query at a time"), ("batch", "256 queries at a time")):
        row = search[name]
        times = f"{row['ms']['faiss']:10.3f}{row['ms']['dyml']:10.3f}{row['ratio']:8.2f}"
        print(f"{words:28}{times}   ≤ {TARGETS[name]}")
    for name, value in search["others, ms"].items():
        print(f"{name:38}{value:10.3f}")
    print(f"recall of the first {TOP}: {search['recall']:.4f}")
    print(f"\nadd, batches of {options.batch:,}")
    for name, seconds in add["seconds"].items():
        print(f"{name:28}{seconds:10.2f} s{options.count / seconds:12,.0f} items/s")
    print(f"rows: {add['rows']:.2f} of lancedb's speed   target ≥ {TARGETS['add']}")
    print(f"rows: {add['rows, tables made before']:.2f} of its speed with tables made before")
    print(f"rows and index: {add['rows and index']:.2f} of lancedb's and faiss' speed")
    for who, found in result["memory"].items():
        if found is not None:
            own, mapped = found["private"], found["mapped"]
            print(f"memory while searching, {who:6} {own:8.0f} MiB own, {mapped:8.0f} MiB mapped")


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Searching and filling a gallery.")
    parser.add_argument("--quick", action="store_true", help="20,000 vectors, to see that all works")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8192, help="items added at a time")
    parser.add_argument("--flat-limit", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--singles", type=int, default=64, help="single queries a round")
    parser.add_argument("--work", type=Path, help="a folder for the files, on the disk to measure")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.quick:
        options.count, options.rounds = 20_000, 3
    problem = Problem(options.count, options.dim)
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        work = Path(name)
        result: dict[str, Any] = {"add": measure_add(problem, work, options)}
        fill(problem, work / "gallery", options.batch, options.flat_limit, True)
        result["search"] = measure_search(problem, work / "gallery", options)
        result["memory"] = {who: memory(work / "gallery", who, options.dim) for who in ("faiss", "dyml")}
    if options.json:
        print(
            json.dumps({"machine": machine(), "options": vars(options) | {"work": None}, **result}, indent=1)
        )
    else:
        print_result(result, options)


if __name__ == "__main__":
    main()
