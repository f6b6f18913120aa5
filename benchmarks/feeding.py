"""Where the time of feeding goes, and how fast pictures come to a training loop.

    python benchmarks/feeding.py                  # all parts: some minutes
    python benchmarks/feeding.py --part memory --rows 1000000
    python benchmarks/feeding.py --quick

- stages: milliseconds a picture of every step from a JPEG of 1,000 pixels to a training picture.
- pipelines: pictures a second through a loader, augmented: the plain pipeline (ImageFolder's: PIL, full
  decoding, torchvision's transforms on each picture) against `data.ram: false` and a pack.
- loop: `dyml train`'s loop from a pack against a bare loop of forward, backward, step on ready tensors.
- memory: summed proportional set size (PSS) of all processes after each of five epochs.

The contestants take turns; ratios are medians over rounds of the ratio within one round.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from _common import interleaved_times, machine, machine_line, median_ratio
from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data.augment import Augment, train_transform
from dyml.data.batch_augment import BatchAugment
from dyml.data.dataset import ImageDataset, collate
from dyml.data.faults import Faults
from dyml.data.images import open_image
from dyml.data.packing import Pack, PackedDataset, Recipe, pack_manifest
from dyml.data.random_view import random_view
from dyml.data.samplers import MPerClassSampler, SeededBatches
from dyml.data.view_dataset import ViewDataset
from training import bare_loop, dyml_loop

AUGMENT = Augment(crop_scale=(0.25, 1.0), flip=True, rotate=10, brightness=0.4, contrast=0.4)
PARTS = ("stages", "pipelines", "loop", "memory")


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="default: all")
    parser.add_argument("--pictures", type=int, default=256, help="photographs that are generated")
    parser.add_argument("--side", type=int, default=1000, help="of the photographs")
    parser.add_argument("--size", type=int, default=128, help="of the training pictures")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="timed steps of a loop in a round")
    parser.add_argument("--backbone", default="resnet18")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the memory part")
    parser.add_argument("--epochs", type=int, default=5, help="of the memory part")
    parser.add_argument("--batches", type=int, default=200, help="of 256 in an epoch of the memory part")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="few and small, to see that it works")
    given = parser.parse_args()
    if given.quick:
        given.pictures, given.side, given.size, given.batch, given.rounds = 32, 256, 32, 16, 1
        given.backbone, given.steps = "dyml_small", 3
        given.rows, given.epochs, given.batches = 4000, 2, 10
    parts: dict[str, Callable[..., dict[str, Any]]] = {
        "stages": stages,
        "pipelines": pipelines,
        "loop": loop,
        "memory": memory,
    }
    results = {}
    if not given.json:
        print(machine_line())
    with tempfile.TemporaryDirectory() as name:
        for part in given.part or PARTS:
            folder = Path(name) / part
            folder.mkdir()
            results[part] = parts[part](folder, given)
            if not given.json:
                print(f"\n{part}")
                for what, value in results[part].items():
                    print(f"  {what:<52}{value:>12,.2f}")
    if given.json:
        print(json.dumps({"machine": machine(), **vars(given), **results}))


def photographs(folder: Path, count: int, side: int, classes: int = 16) -> Manifest:
    """Write JPEGs of quality 90 with shapes and grain, as photographs have; about 200 KB each at 1,000 px."""
    rng = np.random.default_rng(0)
    paths = [f"{i}.jpg" for i in range(count)]
    for path in paths:
        coarse = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).resize((side, side))
        fine = Image.fromarray(rng.integers(0, 256, (side // 4, side // 4, 3), dtype=np.uint8))
        mixed = Image.blend(coarse, fine.resize((side, side), Image.Resampling.BICUBIC), 0.15)
        mixed.save(folder / path, quality=90)
    fine_names = [f"f{i % classes}" for i in range(count)]
    coarse_names = [f"c{i % classes // 4}" for i in range(count)]
    columns = {"path": paths, "fine": fine_names, "coarse": coarse_names, "split": ["train"] * count}
    write_manifest(columns, folder / "manifest.csv")
    return read_manifest(folder)


def stages(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Return milliseconds a picture of each step, on one thread."""
    from torchvision.io import ImageReadMode, decode_jpeg, read_file
    from torchvision.transforms.v2 import functional

    count = min(32, given.pictures)
    manifest = photographs(folder, count, given.side)
    files = [manifest.full_path(i) for i in range(count)]
    pictures = [open_image(file) for file in files]
    batch = torch.randint(0, 256, (given.batch, 3, given.size, given.size), dtype=torch.uint8)
    augment, size = BatchAugment(AUGMENT.without_crop, given.size), given.size
    single = train_transform(AUGMENT.model_copy(update={"crop_scale": (1.0, 1.0)}), size)
    small = [picture.resize((size, size)) for picture in pictures]
    pack_manifest(manifest, folder / "pack", Recipe(size))
    packed = PackedDataset(manifest, Pack(folder / "pack"))
    rows = [i % count for i in range(given.batch)]
    torchvision_decoded = [decode_jpeg(read_file(str(file)), ImageReadMode.RGB) for file in files[:8]]

    def each(function: Callable[[Any], Any], items: list[Any]) -> Callable[[], None]:
        def run() -> None:
            for item in items:
                function(item)

        return run

    def draft(parts: int) -> Callable[[Any], Any]:
        return lambda file: open_image(file, 3, given.side // parts)

    def resized(image: Tensor) -> Tensor:
        return functional.resize(image, [size, size], antialias=True)

    work: dict[str, tuple[Callable[[], Any], int]] = {
        "decode, PIL, whole": (each(open_image, files), count),
        "decode, torchvision, whole": (
            each(lambda file: decode_jpeg(read_file(str(file)), ImageReadMode.RGB), files),
            count,
        ),
        "decode, PIL, half": (each(draft(2), files), count),
        "decode, PIL, a quarter": (each(draft(4), files), count),
        "decode, PIL, an eighth": (each(draft(8), files), count),
        "resize, PIL, from whole": (each(lambda picture: picture.resize((size, size), 2), pictures), count),
        "resize, torchvision, from whole": (each(resized, torchvision_decoded), len(torchvision_decoded)),
        "random view: decode, crop, resize": (
            each(lambda file: random_view(file, AUGMENT, size, 3, hash(file.name) % 97), files),
            count,
        ),
        "augment, picture by picture": (each(single, small), count),
        "augment, as a batch": (lambda: augment(batch, 1), given.batch),
        "copy from a pack, with checksums": (lambda: packed.__getitems__(rows), given.batch),
        "to float": (lambda: batch.float().div_(255), given.batch),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    times = interleaved_times({name: run for name, (run, _) in work.items()}, given.rounds)
    torch.set_num_threads(before)
    return {f"{name}, ms": 1000 * float(np.median(times[name])) / work[name][1] for name in work}


def pipelines(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Return pictures a second of an epoch through each loader, and ratios over the plain one."""
    manifest = photographs(folder, given.pictures, given.side)
    pack_manifest(manifest, folder / "pack", Recipe(given.size))
    sampler = SeededBatches(MPerClassSampler(manifest.labels[:, 0], given.batch, 4))
    whole, rest = BatchAugment(AUGMENT, given.size), BatchAugment(AUGMENT.without_crop, given.size)

    def epoch(dataset: Any, workers: int, augment: Callable[[Tensor, int], Tensor]) -> Callable[[], None]:
        loader = DataLoader(
            dataset,
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

        def run() -> None:
            for place, (images, _, _) in enumerate(loader):
                augment(images, place)

        return run

    views = ViewDataset(manifest, AUGMENT, given.size, 3, Faults(manifest))
    packed = PackedDataset(manifest, Pack(folder / "pack"))
    contestants = {
        "plain": epoch(
            ImageDataset(manifest, train_transform(AUGMENT, given.size)),
            given.workers,
            lambda images, _: images.float().div_(255),
        ),
        "data.ram: false": epoch(views, given.workers, rest),
        "data.pack": epoch(packed, 0, whole),
    }
    times = interleaved_times(contestants, given.rounds)
    count = len(sampler) * given.batch
    speeds = {f"{name}, pictures/s": count / float(np.median(times[name])) for name in contestants}
    ratios = {
        f"{name} over plain (target 3)": median_ratio(times, "plain", name) for name in list(contestants)[1:]
    }
    return speeds | ratios


def loop(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Return pictures a second of a bare loop and of dyml's from a pack, and their ratio."""
    from dyml.training import load_config

    count = given.batch * (given.steps + 2)
    manifest = photographs(folder, count, min(given.side, 256), classes=given.batch // 2)
    columns = {"path": manifest.paths, "fine": [f"f{i % (given.batch // 2)}" for i in range(count)]}
    coarse = [f"c{i % (given.batch // 2) % 4}" for i in range(count)]
    split = ["train"] * count
    columns["fine"][0], coarse[0], split[0] = "g0", "c0", "test"
    write_manifest({**columns, "coarse": coarse, "split": split}, folder / "manifest.csv")
    options = {
        "data.root": str(folder),
        "data.size": given.size,
        "data.pack": str(folder / "pack"),
        "model.backbone": given.backbone,
        "sampler.batch_size": given.batch,
        "sampler.per_class": 4,
        "augment": AUGMENT.model_dump(mode="json"),
        "optim.clip": 10.0,
        "train.ema": 0.99,
        "train.epochs": 1,
        "train.precision": "32-true",
    }
    config = load_config(None, options)
    pairs = [(bare_loop(config, given.steps), dyml_loop(config)) for _ in range(min(given.rounds, 3))]
    bare, ours = (float(np.median(times)) for times in zip(*pairs))
    return {
        "bare loop, pictures/s": given.batch / bare,
        "dyml from a pack, pictures/s": given.batch / ours,
        "ratio (target 0.9)": float(np.median([b / o for b, o in pairs])),
    }


def memory(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Return the PSS in MB of this process and 8 workers after each epoch."""
    workers, batches = 8, given.batches
    manifest = linked_pictures(folder, given.rows)
    sampler = MPerClassSampler(manifest.labels[:, 0], 256, 4, batches=batches)
    seeded = SeededBatches(sampler)
    loader = DataLoader(
        ViewDataset(manifest, AUGMENT, 16, 3, Faults(manifest)),
        batch_sampler=seeded,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=True,
    )
    values = {}
    for epoch in range(given.epochs):
        seeded.set_epoch(epoch)
        iterator = iter(loader)
        for _ in iterator:
            pass
        children = [worker.pid for worker in iterator._workers]
        values[f"epoch {epoch + 1}, PSS of all, MB"] = sum(map(pss, [os.getpid(), *children]))
    sizes = list(values.values())
    values["growth from the second epoch on, MB"] = sizes[-1] - sizes[1]
    return values


def linked_pictures(folder: Path, rows: int) -> Manifest:
    """Write a manifest of that many rows; their files are links to a few pictures."""
    originals = []
    for i in range(rows // 50_000 + 1):
        originals.append(folder / f"original{i}.jpg")
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(originals[-1])
    paths = [f"{i // 1000:04d}/{i:07d}.jpg" for i in range(rows)]
    for i, path in enumerate(paths):
        if i % 1000 == 0:
            (folder / path).parent.mkdir()
        os.link(originals[i // 50_000], folder / path)
    fine = np.arange(rows) // 20
    columns = {"path": paths, "fine": [f"f{c:06d}" for c in fine], "coarse": [f"c{c % 50}" for c in fine]}
    write_manifest(columns, folder / "manifest.parquet")
    return read_manifest(folder)


def pss(process: int) -> float:
    """Return a process' proportional set size in MB: shared pages are divided by who shares them."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    raise SystemExit("the memory part reads /proc, which this system lacks")


if __name__ == "__main__":
    main()
