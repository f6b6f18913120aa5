"""Compare methods at equal budget: the same network, pictures, batches and steps; the loss alone differs.

    python benchmarks/methods.py --data DIR            # DIR holds grocery/ and omniglot/; glyphs are built in
    python benchmarks/methods.py --sets glyphs --seeds 0

Every run is an ordinary `dyml train` in --runs; one that is there already is not made again, so the command
can be stopped and started. Prints the mean over seeds of ASI / mAP / CMC@1 over the scales, in percent.
"""

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from _common import machine_line
from dyml.training import load_config, resume, train
from dyml.training.folder import RunFolder
from dyml.training.settings import shipped_config

COSFACE = {"loss.type": "dyml.losses.MultiScale", "loss.args": {"margin": 0.2, "scale": 24.0}}
METHODS: dict[str, dict[str, Any]] = {
    "CSL": {},
    "CosFace at every scale": COSFACE,
    "CosFace at the fine scale": {**COSFACE, "loss.weights": [1, 0, 0]},
}

FIGURES = ("ASI", "mAP", "CMC@1")


def run_one(name: str, method: str, seed: int, data: Path, runs: Path) -> dict[str, float]:
    """Train one method on one set with one seed, unless it is done, and return its overall figures."""
    folder = RunFolder(runs / f"{name}-{method.replace(' ', '_')}-{seed}")
    if not folder.metrics.exists():
        if folder.config.exists():
            resume(folder.path)
        else:
            options: dict[str, Any] = {"train.seed": seed, "train.threads": 1, **METHODS[method]}
            if name != "glyphs":
                options["data.root"] = str(data / name)
            train(load_config(configuration(name, method, runs), options), folder.path)
    return json.loads(folder.metrics.read_text(encoding="utf-8"))["test"]


def configuration(name: str, method: str, runs: Path) -> Path:
    """Return the set's configuration; for another loss than its own, without the options of that loss."""
    file = shipped_config(name)
    if not METHODS[method]:
        return file
    import yaml

    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    del settings["loss"]
    runs.mkdir(parents=True, exist_ok=True)
    other = runs / f"{name}-without-loss.yaml"
    other.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return other


def main() -> None:
    """Run what is asked for and print one table a set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--runs", type=Path, default=Path("runs/methods"))
    parser.add_argument("--sets", nargs="+", default=["glyphs", "grocery", "omniglot"])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    given = parser.parse_args()
    print(machine_line())
    for name in given.sets:
        print(f"\n{name}: mean over scales, seeds {given.seeds}\n\n| method | {' | '.join(FIGURES)} |")
        print("| --- |" + " --- |" * len(FIGURES))
        for method in given.methods:
            found = [run_one(name, method, seed, given.data, given.runs)["overall"] for seed in given.seeds]
            cells = [_cell([100 * overall[figure] for overall in found]) for figure in FIGURES]
            print(f"| {method} | {' | '.join(cells)} |", flush=True)


def _cell(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
