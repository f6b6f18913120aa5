"""Several sources as one, such as two sets of vehicles that name the same types."""

import os
from collections.abc import Mapping
from pathlib import Path

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.vehicle_id import read_vehicle_id
from dyml.data.builders.veri_wild import read_veri_wild
from dyml.errors import ManifestError


def join_sources(sources: Mapping[str, Source]) -> Source:
    """Join sources at the levels that all of them have.

    Classes of the finest level are told apart by the source's name, as `veri-wild 00042`, since two sets
    number their things alike; classes of coarser levels are the same where they have the same name.

    Args:
        sources: by name. Their levels, as far as all have them, come in the same order.

    Returns:
        Paths relative to the folder that holds all sources; their own split where all have one.

    Raises:
        ManifestError: there is none, they share no level, or the order of the levels differs.
    """
    if not sources:
        raise ManifestError("there is no source to join")
    each = list(sources.values())
    levels = tuple(level for level in each[0].levels if all(level in source.levels for source in each))
    if not levels or any(source.levels[0] != levels[0] for source in each):
        what = "; ".join(f"{name} has {', '.join(source.levels)}" for name, source in sources.items())
        raise ManifestError(f"sources are joined at levels that all have, the finest one too: {what}")
    root = Path(os.path.commonpath([os.path.abspath(source.root) for source in each]))
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for name, source in sources.items():
        places = [source.levels.index(level) for level in levels]
        if places != sorted(places):
            raise ManifestError(f"{name}: its levels come in another order: {', '.join(source.levels)}")
        prefix = Path(os.path.abspath(source.root)).relative_to(root).as_posix()
        chosen = [tuple(lineage[place] for place in places) for lineage in source.lineages]
        known = [(f"{name} {first}" if first else "", *rest) for first, *rest in chosen]
        paths += [path if prefix == "." else f"{prefix}/{path}" for path in source.paths]
        lineages += [known[leaf] for leaf in source.leaf.tolist()]
        split += source.split or []
    return source_of(root, paths, lineages, levels, split if all(s.split is not None for s in each) else None)


def read_vehicles(folder: str | Path, taxonomy: str | Path) -> Source:
    """Read VehicleID and VERI-Wild as one: the way of DyML-Vehicle.

    Args:
        folder: holds both sets, each in a folder of its own.
        taxonomy: of VehicleID's models, as for `read_vehicle_id`; with a column `type` whose names are those
            of VERI-Wild, and where models are to be joined, too, a column `model` with its names.

    Returns:
        The levels vehicle, model and type; the split of both sets.

    Raises:
        ManifestError: one of the two is not there, or not of its form.
    """
    folder = Path(folder)
    inside = sorted(child for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []
    first = [child for child in inside if (child / "attribute" / "model_attr.txt").is_file()]
    second = [child for child in inside if (child / "train_test_split" / "vehicle_info.txt").is_file()]
    if len(first) != 1 or len(second) != 1:
        raise ManifestError(
            f"{folder} must hold VehicleID (a folder with attribute/model_attr.txt) and VERI-Wild (a folder "
            f"with train_test_split/vehicle_info.txt), one of each; found {len(first)} and {len(second)}"
        )
    return join_sources(
        {"vehicle-id": read_vehicle_id(first[0], taxonomy), "veri-wild": read_veri_wild(second[0])}
    )
