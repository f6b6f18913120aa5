"""How the three sets lie on disk as released, and which of them a folder holds.

train/label.csv                       fname, coarse, middle, fine        pictures in train/imgs
bmk_{fine,middle,coarse}/query.csv    fname, label at that scale         pictures in …/query    (not Product)
bmk_{fine,middle,coarse}/gallery.csv  likewise                           pictures in …/gallery  (not Product)
mini-bmk_all_in_one/label.csv         fname, coarse, middle, fine        pictures in …/imgs     (Product)
"""

from dataclasses import dataclass
from pathlib import Path

from dyml.errors import ManifestError, suggest

SCALES = ("fine", "middle", "coarse")
SETS = ("vehicle", "animal", "product")
TRAIN_TABLE = "train/label.csv"
PRODUCT_FOLDER = "mini-bmk_all_in_one"
# Between the 495 fine classes of Animal and the 36,000 or more of Vehicle.
_ANIMAL_OR_VEHICLE = 5_000


@dataclass(frozen=True)
class Part:
    """One table of a release and the folder of its pictures.

    Attributes:
        name: what messages call it.
        table: its csv, relative to the root.
        folder: where its pictures lie, relative to the root.
        scales: its label columns, fine to coarse.
        split: the split of its rows in a manifest.
    """

    name: str
    table: str
    folder: str
    scales: tuple[str, ...]
    split: str


def parts_of(name: str) -> tuple[Part, ...]:
    """Return the parts of a set, training first.

    Args:
        name: vehicle, animal or product.
    """
    train = Part("train", TRAIN_TABLE, "train/imgs", SCALES, "train")
    if name == "product":
        folder = PRODUCT_FOLDER
        return train, Part(folder, f"{folder}/label.csv", f"{folder}/imgs", SCALES, "test")
    pairs = [(scale, split) for scale in SCALES for split in ("query", "gallery")]
    return train, *(
        Part(f"bmk_{scale} {split}", f"bmk_{scale}/{split}.csv", f"bmk_{scale}/{split}", (scale,), split)
        for scale, split in pairs
    )


def checked_set(name: str) -> str:
    """Return the name of a set.

    Raises:
        ManifestError: there is no such set; the nearest is suggested.
    """
    if name not in SETS:
        raise ManifestError(f"no official set {name!r}; there are {', '.join(SETS)}.{suggest(name, SETS)}")
    return name


def is_release(root: Path) -> bool:
    """Return whether a folder has anything of a release."""
    return (root / TRAIN_TABLE).is_file() or bool(_benchmarks(root))


def recognise(root: Path, fine_classes: int | None) -> str:
    """Say which of the three sets a folder holds.

    Product is known by its benchmark folder. Vehicle and Animal look alike: the folder's own name decides if
    it has one of the two words in it, else the number of fine classes.

    Args:
        root: the folder.
        fine_classes: how many fine classes the training table names; None if it cannot be read.

    Returns:
        vehicle, animal or product.

    Raises:
        ManifestError: it holds none of them, several, or cannot be told.
    """
    found = _benchmarks(root)
    if not is_release(root):
        raise ManifestError(_nothing_there(root))
    if PRODUCT_FOLDER in found and len(found) > 1:
        raise ManifestError(
            f"{root} holds the benchmarks of two sets ({', '.join(found)}): give each set a folder of its own"
        )
    if found == [PRODUCT_FOLDER]:
        return "product"
    # Without a benchmark folder Product is as likely as the others, so its name counts then.
    names = [name for name in (SETS[:2] if found else SETS) if name in root.resolve().name.lower()]
    if len(names) == 1:
        return names[0]
    if not found or fine_classes is None:
        raise ManifestError(
            f"{root}: cannot tell which set this is: "
            f"{'its training table cannot be read' if found else 'it has no benchmark folder'}. "
            f"Name it: --set {' or '.join(SETS)}"
        )
    return "vehicle" if fine_classes > _ANIMAL_OR_VEHICLE else "animal"


def _benchmarks(root: Path) -> list[str]:
    names = (*(f"bmk_{scale}" for scale in SCALES), PRODUCT_FOLDER)
    return [name for name in names if (root / name).is_dir()]


def _nothing_there(root: Path) -> str:
    if not root.is_dir():
        return f"no folder {root}"
    text = (
        f"{root} is none of the official sets as released: it has no {TRAIN_TABLE}, no bmk_fine and no "
        f"{PRODUCT_FOLDER}"
    )
    inside = sorted(child for child in root.iterdir() if child.is_dir() and is_release(child))
    if inside:
        return f"{text}. Did you mean {' or '.join(map(str, inside[:3]))}?"
    if root.resolve() != root.resolve().parent and is_release(root.resolve().parent):
        return f"{text}. Did you mean the folder above it, {root.resolve().parent}?"
    return f"{text}. Name the folder that holds train/ and the benchmark folders."
