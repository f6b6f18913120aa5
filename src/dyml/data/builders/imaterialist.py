"""iMaterialist Product 2019 with its tree of products: the way of DyML-Product."""

import json
from pathlib import Path
from typing import Any

from dyml.data.builders.lookup import read_lookup
from dyml.data.builders.source import Lineage, Source, source_of
from dyml.errors import ManifestError, shortened

PARTS = ("train.json", "val.json")
_ENDINGS = ("", ".jpg", ".jpeg", ".png")


def read_imaterialist(folder: str | Path, taxonomy: str | Path) -> Source:
    """Read iMaterialist Product 2019: its training and validation pictures, whose classes are the same.

    Args:
        folder: holds train.json and, if wanted, val.json, each `{"images": [{"id": …, "class": …}]}`, and the
            pictures, each named by its id, in `train/` and `val/`, in `images/`, or beside the lists.
        taxonomy: what every class belongs to: product_tree.json, or any form that `read_lookup` reads.

    Returns:
        The levels product and those of the tree.

    Raises:
        ManifestError: a list is missing or not of that form, or the tree lacks a class.

    Source: https://github.com/msight-tech/imaterialist-product-2019
    """
    folder = Path(folder)
    levels, above = read_lookup(Path(taxonomy))
    paths: list[str] = []
    lineages: list[Lineage] = []
    for file in [folder / PARTS[0], *(folder / name for name in PARTS[1:] if (folder / name).is_file())]:
        records = _records(file)
        missing = {name for _, name in records} - above.keys()
        if missing:
            raise ManifestError(
                f"{taxonomy}: {len(missing):,} classes of {file} are not in it: {shortened(sorted(missing))}"
            )
        place, ending = _where(folder, file.stem, [name for name, _ in records])
        paths += [f"{place}{name}{ending}" for name, _ in records]
        lineages += [(name, *above[name]) for _, name in records]
    return source_of(folder, paths, lineages, ("product", *levels))


def _records(file: Path) -> list[tuple[str, str]]:
    """Return (id, class) of every picture of a list."""
    try:
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        return [(str(image["id"]).strip("/"), str(image["class"]).strip()) for image in value["images"]]
    except FileNotFoundError as error:
        raise ManifestError(f"no list {file}: is this the folder of the set as unpacked?") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(
            f"{file}: not a list of iMaterialist Product with id and class of every picture "
            f"({type(error).__name__}: {error}). The test set has no classes."
        ) from error


def _where(folder: Path, part: str, names: list[str]) -> tuple[str, str]:
    """Say in which folder and with which ending the pictures lie, by the first that is found."""
    places = (f"{part}/", "images/", "")
    for name in names[:1000]:  # many addresses do not answer any more, so the first pictures may lack
        for place in places:
            for ending in _ENDINGS:
                if (folder / f"{place}{name}{ending}").is_file():
                    return place, ending
    return places[0], ""
