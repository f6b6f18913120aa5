"""Generated miniatures of the official sets, in the layout and with the quirks of the released ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dyml.data.official.sizes import PUBLISHED, Published, exactly

SCALES = ("fine", "middle", "coarse")
# 12 fine classes, 4 middle, 2 coarse, numbered with gaps and not in the order of the tree.
TREE = [(7 * fine + 3, 40 - fine // 3, fine // 6) for fine in range(12)]
PER_CLASS = 8
TRAIN = PER_CLASS * len(TREE)
QUERIES, GALLERY = 12, 36
MINI = Published(
    "a miniature", exactly(TRAIN), {"fine": exactly(12), "middle": exactly(4), "coarse": exactly(2)}
)
LABEL_HEADER, PAIR_HEADER = "fname, coarse_id, middle_id, fine_id", "fname, labels"


def glued(header: str, rows: list[str], line_end: str = "\n", after_header: str = "") -> str:
    """Return a table as released: nothing between header and first record, a line end after the last."""
    return header + after_header + line_end.join(rows) + line_end


def picture(seed: int, place: int) -> Image.Image:
    """Return a picture whose red says its class and whose blue is always low: channel order shows."""
    rng = np.random.default_rng((seed, place))
    pixels = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8)
    pixels[..., 0] += np.uint8(100 + seed * 11 % 90)
    pixels[:, : 1 + seed % 12, 1] += np.uint8(120)
    return Image.fromarray(pixels)


def make_set(root: Path, name: str) -> Path:
    """Write a miniature of a set."""
    train = [TREE[k % len(TREE)] for k in range(TRAIN)]
    _write_part(root / "train", "label.csv", "imgs", train)
    if name == "product":
        _write_part(root / "mini-bmk_all_in_one", "label.csv", "imgs", [TREE[k % 12] for k in range(36)], 50)
        return root
    for m, scale in enumerate(SCALES):
        classes = sorted({row[m] for row in TREE})
        for side, count, start in (("query", QUERIES, 100), ("gallery", GALLERY, 200)):
            rows = [(classes[k % len(classes)],) for k in range(count)]
            _write_part(root / f"bmk_{scale}", f"{side}.csv", side, rows, start)
    return root


def _write_part(
    folder: Path, table: str, pictures: str, labels: Sequence[tuple[int, ...]], start: int = 0
) -> None:
    (folder / pictures).mkdir(parents=True)
    rows = []
    for k, row in enumerate(labels):
        picture(row[0], start + k).save(folder / pictures / f"{k}.jpg", quality=95)
        rows.append(", ".join(map(str, (f"{k}.jpg", *reversed(row)))))
    header = LABEL_HEADER if len(labels[0]) == 3 else PAIR_HEADER
    (folder / table).write_text(glued(header, rows))


def published_miniatures() -> dict[str, Published]:
    """Return sizes that the miniatures have, under the sets' names."""
    return dict.fromkeys(PUBLISHED, MINI)
