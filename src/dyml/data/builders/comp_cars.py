"""CompCars: cars of makes, models and years, with the types of its models."""

from pathlib import Path

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.text_lists import read_list
from dyml.data.walk import walk
from dyml.errors import ManifestError, shortened

LEVELS = ("car", "model", "type", "make")  # the type before the make, since it must not be filled from it
TYPES = (
    "MPV",
    "SUV",
    "sedan",
    "hatchback",
    "minibus",
    "fastback",
    "estate",
    "pickup",
    "hardtop convertible",
    "sports",
    "crossover",
    "convertible",
)
_HEADER = "model_id maximum_speed displacement door_number seat_number type"


def read_comp_cars(folder: str | Path) -> Source:
    """Read the pictures from the web of CompCars.

    Args:
        folder: `data` as unpacked: holds image/MAKE/MODEL/YEAR/*.jpg and misc/attributes.txt.

    Returns:
        The levels car (a model of one year), model, type and make, by the numbers of the set; the type is
        missing where the set does not know it. A make builds several types, so take `car,model,make` or
        `car,model,type`.

    Raises:
        ManifestError: the folders or the list are not of that form, or the list lacks a model.

    Source: Yang et al., "A Large-Scale Car Dataset for Fine-Grained Categorization and Verification", CVPR
    2015, arXiv 1506.08959.
    """
    folder = Path(folder)
    types = _types(folder / "misc" / "attributes.txt")
    pictures = walk(folder / "image").pictures if (folder / "image").is_dir() else []
    if not pictures:
        raise ManifestError(f"{folder / 'image'}: no pictures under it: is this the folder data as unpacked?")
    strange = ["/".join(picture) for picture in pictures if len(picture) != 4]
    if strange:
        raise ManifestError(
            f"{folder / 'image'}: {len(strange):,} pictures do not lie in MAKE/MODEL/YEAR: "
            f"{shortened(strange, 3)}. Move them away."
        )
    missing = sorted({model for _, model, _, _ in pictures} - types.keys())
    if missing:
        raise ManifestError(
            f"{folder / 'misc' / 'attributes.txt'}: {len(missing):,} models have no row: {shortened(missing)}"
        )
    lineages: list[Lineage] = [
        (f"{model} {year}", f"model {model}", types[model], f"make {make}")
        for make, model, year, _ in pictures
    ]
    return source_of(folder, [f"image/{'/'.join(picture)}" for picture in pictures], lineages, LEVELS)


def _types(file: Path) -> dict[str, str]:
    types = {}
    for number, row in enumerate(read_list(file, 6, _HEADER), start=2):
        model, code = row[0], row[5]
        if not code.isdecimal() or int(code) > len(TYPES):
            raise ManifestError(
                f"{file}: row {number}: the type is {code!r}; types are 0 (not known) to {len(TYPES)}"
            )
        types[model] = TYPES[int(code) - 1] if int(code) else ""
    return types
