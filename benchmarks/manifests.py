"""What a manifest of millions of rows costs: seconds and memory to open, split and sample it.

    python benchmarks/manifests.py                # 5 million rows, Parquet and CSV
    python benchmarks/manifests.py --rows 200000

Each format is measured in a process of its own; the peak of the resident set (VmHWM) counts the interpreter
and its libraries, too. Opening needs Arrow alone; torch, which a sampler comes with, is loaded after that
peak is taken, and its own size is told.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def main() -> None:
    """Print seconds and peak memory, a line a step."""
    from _common import machine, machine_line  # here, since it loads torch, which the measured processes lack

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--fine", type=int, default=100_000, help="fine classes")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("parquet", "csv"):
            target = Path(folder) / f"manifest.{ending}"
            in_own_process(write_rows, target, given.rows, given.fine)
            results[ending] = {
                "file MB": target.stat().st_size / 1e6,
                **in_own_process(measure, target, given.batch),
            }
    if given.json:
        print(json.dumps({"machine": machine(), **vars(given), **results}))
        return
    print(machine_line())
    print(f"{given.rows:,} rows, {given.fine:,} / 1,000 / 20 classes, paths of 41 characters")
    for ending, values in results.items():
        print(f"\n{ending}: " + ", ".join(f"{name} {value:,.2f}" for name, value in values.items()))
    worst = max(values["open MB"] for values in results.values())
    print(f"\npeak of a process that opens it: {worst:,.0f} MB  (target: under 1,000)")


def in_own_process(function: Any, *arguments: Any) -> Any:
    """Call a function in a fresh process and return what it returns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def write_rows(target: Path, rows: int, fine: int) -> None:
    """Write a manifest of that many rows, classes in random order over the rows."""
    codes = np.random.default_rng(0).integers(0, fine, rows)
    columns = {
        "path": pa.array([f"images/{code:06d}/photograph-{row:08d}-a.jpg" for row, code in enumerate(codes)]),
        "fine": pa.array([f"species {code:06d}" for code in range(fine)]).take(pa.array(codes)),
        "middle": pa.array([f"genus {code:04d}" for code in range(1000)]).take(pa.array(codes % 1000)),
        "coarse": pa.array([f"family {code:02d}" for code in range(20)]).take(pa.array(codes % 20)),
        "split": pa.array(["train", "test"]).take(pa.array((codes % 10 > 7).astype(np.int64))),
    }
    table = pa.table(columns)
    if target.suffix == ".csv":
        pa.csv.write_csv(table, target, pa.csv.WriteOptions(quoting_style="none"))
    else:
        pa.parquet.write_table(table, target)


def measure(target: Path, batch: int) -> dict[str, float]:
    """Open a manifest, take a split, plan an epoch; seconds of each and the peak of memory in MB."""
    from dyml.data import read_manifest

    idle, values, start = memory("VmHWM"), {}, time.perf_counter()

    def lap(name: str) -> None:
        nonlocal start
        now = time.perf_counter()
        values[name], start = now - start, now

    manifest = read_manifest(target)
    lap("open s")
    values |= {"idle MB": idle, "open MB": memory("VmHWM"), "kept MB": memory("VmRSS") - idle}
    train = manifest.only("train")
    assert train.taxonomy.num_scales == 3
    lap("only s")
    before = memory("VmRSS")
    from dyml.data.dataset import ImageDataset
    from dyml.data.samplers import MPerClassSampler, SeededBatches

    values["torch MB"] = memory("VmRSS") - before
    lap("import torch s")
    ImageDataset(train)
    lap("data set s")
    sampler = MPerClassSampler(train.labels[:, 0], batch, 4)
    sampler.set_epoch(1)
    next(iter(SeededBatches(sampler)))
    lap("sampler s")
    return {**values, "all MB": memory("VmHWM")}


def memory(what: str) -> float:
    """Return a line of /proc/self/status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1000
    raise SystemExit("this benchmark reads /proc/self/status, which this system lacks")


if __name__ == "__main__":
    main()
