"""A set of pictures on which a study takes seconds: squares; coarse is their colour, fine their size."""

from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from dyml.data import write_manifest


def make_set(folder: Path, **settings: object) -> Path:
    """Write pictures, their manifest and a configuration of two steps; return the configuration."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[str]] = {name: [] for name in ("path", "coarse", "middle", "fine", "split")}
    (folder / "pictures").mkdir(parents=True)
    for fine in range(16):
        for i in range(4):
            pixels = rng.integers(0, 150, (16, 16, 3), dtype=np.uint8)
            pixels[2 : 5 + fine % 4, 2 + 6 * (fine // 4 % 2) :, fine // 8] += 90
            path = f"{fine:02d}-{i}.png"
            Image.fromarray(pixels).save(folder / "pictures" / path)
            split = "test" if fine % 4 == 3 else "train"
            row = (path, f"c{fine // 8}", f"m{fine // 4}", f"f{fine:02d}", split)
            for column, value in zip(columns.values(), row):
                column.append(value)
    write_manifest(columns, folder / "pictures" / "manifest.csv")
    config = {
        "data": {"root": str(folder / "pictures"), "size": 16},
        "model": {"backbone_args": {"width": 4}, "dim": 12},
        "sampler": {"batch_size": 24, "per_class": 2},
        "optim": {"proxy_lr": 0.01},
        "train": {"epochs": 1, "precision": "32-true", **settings},
    }
    file = folder / "squares.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    return file
