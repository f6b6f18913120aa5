"""VehicleID with a table of its models: one of the two sources of DyML-Vehicle."""

from pathlib import Path

from dyml.data.builders.lookup import read_lookup
from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.text_lists import read_list
from dyml.errors import ManifestError, shortened

MODEL = "model"
LISTS = {"train": "train_list.txt", "test": "test_list_13164.txt"}


def read_vehicle_id(folder: str | Path, taxonomy: str | Path) -> Source:
    """Read VehicleID: the vehicles whose model was labelled; the others are left out.

    Args:
        folder: `VehicleID_V1.0`: holds image/, attribute/model_attr.txt and train_test_split/.
        taxonomy: a CSV or Parquet table of one row a model: its number, as in model_attr.txt, then the levels
            above it, fine to coarse (such as type: car, van, truck). Where it has a level `model` itself, the
            names there stand for the numbers.

    Returns:
        The levels vehicle, model and those of the table above it; the split of train_list.txt and
        test_list_13164.txt.

    Raises:
        ManifestError: a list is missing or not of that form, or the table lacks a model.

    Source: Liu et al., "Deep Relative Distance Learning", CVPR 2016.
    """
    folder = Path(folder)
    models: dict[str, str] = dict(read_list(folder / "attribute" / "model_attr.txt", 2))
    levels, above = read_lookup(Path(taxonomy))
    named = levels[0] == MODEL
    missing = sorted(set(models.values()) - above.keys())
    if missing:
        raise ManifestError(f"{taxonomy}: {len(missing):,} models have no row: {shortened(missing)}")
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for side, name in LISTS.items():
        for picture, vehicle in read_list(folder / "train_test_split" / name, 2):
            if vehicle in models:
                paths.append(f"image/{picture}.jpg")
                number = () if named else (models[vehicle],)
                lineages.append((vehicle, *number, *above[models[vehicle]]))
                split.append(side)
    own = () if named else (MODEL,)
    return source_of(folder, paths, lineages, ("vehicle", *own, *levels), split)
