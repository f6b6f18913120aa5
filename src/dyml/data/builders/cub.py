"""CUB-200-2011 with a table of its taxonomy."""

from pathlib import Path

from dyml.data.builders.lookup import read_lookup
from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.text_lists import read_list
from dyml.errors import ManifestError, shortened

_TRAINING_CLASSES = 100


def read_cub(folder: str | Path, taxonomy: str | Path) -> Source:
    """Read CUB-200-2011.

    Args:
        folder: `CUB_200_2011`: holds images.txt, image_class_labels.txt, classes.txt and images/.
        taxonomy: a CSV or Parquet table of one row a class. Its first column names the class, as classes.txt
            does, with or without its number (`001.Black_footed_Albatross`); the others are the coarser
            levels, fine to coarse, such as genus, family, order. A level that a class lacks is left blank.

    Returns:
        The levels species and those of the table; split as in metric learning: the first 100 classes train,
        the rest test.

    Raises:
        ManifestError: a list is missing or not of that form, or the table lacks a class.

    Source: Wah et al., "The Caltech-UCSD Birds-200-2011 Dataset", 2011.
    """
    folder = Path(folder)
    classes = dict(read_list(folder / "classes.txt", 2))
    levels, by_name = read_lookup(Path(taxonomy))
    above = {_bare(name): values for name, values in by_name.items()}
    if len(above) < len(by_name):
        raise ManifestError(
            f"{taxonomy}: a class comes twice, with and without its number. Keep one row each."
        )
    missing = [name for name in classes.values() if _bare(name) not in above]
    if missing:
        raise ManifestError(
            f"{taxonomy}: {len(missing):,} classes of classes.txt have no row: {shortened(missing)}"
        )
    labels = dict(read_list(folder / "image_class_labels.txt", 2))
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for number, path in read_list(folder / "images.txt", 2):
        if labels.get(number) not in classes:
            raise ManifestError(
                f"{folder}: picture {number} ({path}) has no class: fetch image_class_labels.txt again"
            )
        name = _bare(classes[labels[number]])
        paths.append(f"images/{path}")
        lineages.append((name, *above[name]))
        split.append("train" if int(labels[number]) <= _TRAINING_CLASSES else "test")
    return source_of(folder, paths, lineages, ("species", *levels), split)


def _bare(name: str) -> str:
    """Return the name of a class without its number.

    >>> _bare("001.Black_footed_Albatross")
    'Black_footed_Albatross'
    """
    number, dot, rest = name.strip().partition(".")
    return rest if dot and number.isdecimal() else name.strip()
