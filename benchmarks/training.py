"""What the training loop costs: pictures a second of `dyml train`'s loop against a bare loop.

    python benchmarks/training.py               # ResNet-18, 128 px, batches of 64: some minutes
    python benchmarks/training.py --quick

Both train the same network with the same loss and optimiser in float32 on pictures that lie decoded in
memory. The bare loop is forward, backward, step on one batch of ready tensors. dyml's loop draws batches,
augments them, moves the schedule, clips and keeps averaged weights. They take turns; the ratio is the
median over rounds.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from PIL import Image

from _common import machine, machine_line
from dyml.data import write_manifest
from dyml.training import Config, load_config
from dyml.training.build import build_embedder, build_loss, build_optimizer
from dyml.training.checkpoints import AveragedWeights
from dyml.training.datamodule import PictureData
from dyml.training.module import EmbeddingModule


class Clock(L.Callback):
    """Times the steps after the first two."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        """Note the time."""
        self.marks.append(time.perf_counter())

    @property
    def seconds_a_step(self) -> float:
        """The mean over the timed steps."""
        return (self.marks[-1] - self.marks[1]) / (len(self.marks) - 2)


def main() -> None:
    """Print pictures a second of both loops and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10, help="timed steps a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument(
        "--quick", action="store_true", help="a small network and few steps, to see that it works"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.backbone, given.size, given.batch, given.steps, given.rounds = "dyml_small", 32, 32, 4, 1
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        config = configuration(Path(folder), given)
        pairs = [(bare_loop(config, given.steps), dyml_loop(config)) for _ in range(given.rounds)]
    bare, ours = (float(np.median(times)) for times in zip(*pairs))
    ratio = float(np.median([b / o for b, o in pairs]))
    speeds = {"bare": given.batch / bare, "dyml": given.batch / ours, "ratio": ratio}
    if given.json:
        print(json.dumps({"machine": machine(), **vars(given), **speeds}))
        return
    print(machine_line())
    print(
        f"{given.backbone}, {given.size} px, batches of {given.batch}, {given.rounds} rounds of "
        f"{given.steps} steps"
    )
    print(f"bare loop {speeds['bare']:8.1f} pictures/s\ndyml      {speeds['dyml']:8.1f} pictures/s")
    print(f"ratio     {ratio:8.2f}   (target: 0.9 or more)")


def configuration(folder: Path, given: argparse.Namespace) -> Config:
    """Make a data set of noise, as many pictures as one round needs, and the settings for it."""
    rng = np.random.default_rng(0)
    count = given.batch * (given.steps + 2)
    columns: dict[str, list[str]] = {"path": [], "fine": [], "coarse": [], "split": []}
    for i in range(count):
        path = f"{i}.jpg"
        pixels = rng.integers(0, 256, (given.size, given.size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / path, quality=50)
        fine = i % (given.batch // 2)
        for column, value in zip(columns.values(), (path, f"f{fine}", f"c{fine % 4}", "train")):
            column.append(value)
    for column, value in zip(columns.values(), ("0.jpg", "g0", "c0", "test")):
        column[0] = value if column is not columns["path"] else column[0]
    write_manifest(columns, folder / "manifest.csv")
    options = {
        "data.root": str(folder),
        "data.size": given.size,
        "model.backbone": given.backbone,
        "sampler.batch_size": given.batch,
        "sampler.per_class": 4,
        "augment": {
            "crop_scale": [0.25, 1.0],
            "flip": True,
            "rotate": 10,
            "brightness": 0.4,
            "contrast": 0.4,
        },
        "optim.clip": 10.0,
        "train.ema": 0.99,
        "train.epochs": 1,
        "train.precision": "32-true",
    }
    return load_config(None, options)


def bare_loop(config: Config, steps: int) -> float:
    """Return seconds a step of forward, backward and step on one ready batch."""
    data = PictureData(config)
    taxonomy = data.train.taxonomy
    embedder, loss = build_embedder(config, taxonomy), build_loss(config, taxonomy)
    optimizer = build_optimizer(config.optim, embedder, loss)
    rows = torch.arange(config.sampler.batch_size)
    images = torch.rand(len(rows), 3, config.data.size, config.data.size)
    labels = torch.from_numpy(data.train.labels)[rows]
    for step in range(steps + 2):
        if step == 2:
            start = time.perf_counter()
        optimizer.zero_grad()
        loss(embedder(images), labels).backward()
        optimizer.step()
    return (time.perf_counter() - start) / steps


def dyml_loop(config: Config) -> float:
    """Return seconds a step of the loop that `dyml train` runs."""
    data = PictureData(config)
    taxonomy = data.train.taxonomy
    parts = build_embedder(config, taxonomy), build_loss(config, taxonomy)
    clock = Clock()
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[AveragedWeights(0.99), clock],
        logger=False,
        enable_checkpointing=False,
        limit_val_batches=0,
        use_distributed_sampler=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(EmbeddingModule(config, *parts, data.batches_per_epoch), datamodule=data)
    return clock.seconds_a_step


if __name__ == "__main__":
    main()
