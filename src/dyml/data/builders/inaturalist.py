"""iNaturalist 2017 to 2021, from its own annotation files and `categories.json`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.errors import ManifestError, shortened

LEVELS = ("species", "genus", "family", "order", "class", "phylum", "kingdom")
CATEGORIES = "categories.json"


def read_inaturalist(folder: str | Path, annotations: Sequence[str | Path] | None = None) -> Source:
    """Read an iNaturalist release.

    The levels are species, genus, family, order, class, phylum and kingdom, as far as the release names them;
    2017 has species and supercategory alone. The classes are those of `categories.json` where it lies beside
    the annotations (2018, where it came later than they), else the annotations' own (2021).

    Args:
        folder: holds the annotation files and the folders of pictures.
        annotations: `train2018.json`, `train.json`, … ; None takes the only `train*.json` in the folder.

    Raises:
        ManifestError: a file is missing or not of that form; several could be meant.
    """
    folder = Path(folder)
    files = (
        [_only_train(folder)] if annotations is None else [_at(folder, Path(file)) for file in annotations]
    )
    loaded = [(file, _read(file)) for file in files]
    beside = folder / CATEGORIES
    known = _read(beside) if beside.is_file() else None
    paths: list[str] = []
    lineages: list[Lineage] = []
    levels: tuple[str, ...] | None = None
    for file, value in loaded:
        try:
            categories = value["categories"] if known is None else known
            levels = _levels(categories) if levels is None else levels
            by_id = {entry["id"]: _lineage(entry, levels) for entry in categories}
            names = {image["id"]: str(image["file_name"]) for image in value["images"]}
            for annotation in value["annotations"]:
                paths.append(names[annotation["image_id"]])
                lineages.append(by_id[annotation["category_id"]])
        except (KeyError, TypeError, AttributeError) as error:
            raise ManifestError(
                f"{file}: not an annotation file of iNaturalist with pictures, categories and labels "
                f"({type(error).__name__}: {error}). The test sets have no labels."
            ) from error
    return source_of(folder, paths, lineages, levels or LEVELS)


def _levels(categories: list[dict[str, Any]]) -> tuple[str, ...]:
    there = [level for level in LEVELS[1:] if any(entry.get(level) for entry in categories)]
    if there:
        return ("species", *there)
    return ("species", "supercategory")


def _lineage(entry: dict[str, Any], levels: tuple[str, ...]) -> Lineage:
    return tuple(str((entry["name"] if level == "species" else entry.get(level)) or "") for level in levels)


def _only_train(folder: Path) -> Path:
    found = sorted(folder.glob("train*.json"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise ManifestError(
            f"{folder}: no train*.json (such as train2018.json); name the file with --annotations"
        )
    raise ManifestError(
        f"{folder}: several could be meant: {shortened(file.name for file in found)}. Name one or more with "
        f"--annotations"
    )


def _at(folder: Path, file: Path) -> Path:
    return folder / file if (folder / file).is_file() else file


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"no file {file}") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ManifestError(f"{file}: not JSON, or cut short: {error}") from error
