"""VERI-Wild, which names model and type of every vehicle: one of the two sources of DyML-Vehicle."""

from pathlib import Path

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.text_lists import read_list
from dyml.errors import ManifestError, shortened

LEVELS = ("vehicle", "model", "type")


def read_veri_wild(folder: str | Path) -> Source:
    """Read VERI-Wild.

    Args:
        folder: holds images/ and train_test_split/ with vehicle_info.txt, whose first line is
            `id/image;Camera ID;Time;Model;Type;Color`, and train_list.txt or train_list_start0.txt.

    Returns:
        The levels vehicle, model and type. Vehicles of the training list are train, the others test.

    Raises:
        ManifestError: a list is missing or not of that form.

    Source: Lou et al., "VERI-Wild", CVPR 2019.
    """
    folder = Path(folder)
    lists = folder / "train_test_split"
    found = sorted(lists.glob("train_list*.txt"))
    if not found:
        raise ManifestError(f"no list {lists / 'train_list.txt'}: is this the folder of the set as unpacked?")
    train = {line.split("/")[0] for (line,) in read_list(found[0], 1)}
    info = lists / "vehicle_info.txt"
    (header,), *rows = read_list(info, 1)
    columns = [word.strip().lower() for word in header.split(";")]
    lacking = {"model", "type"} - set(columns)
    if lacking:
        raise ManifestError(
            f"{info}: row 1 must name model and type, parted by semicolons; got {shortened(columns, 6)}"
        )
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for number, (line,) in enumerate(rows, start=2):
        values = [value.strip() for value in line.split(";")]
        if len(values) < len(columns) or "/" not in values[0]:
            raise ManifestError(
                f"{info}: row {number} is not vehicle/picture and {len(columns) - 1} values more"
            )
        vehicle = values[0].split("/")[0]
        paths.append(f"images/{values[0].removesuffix('.jpg')}.jpg")
        lineages.append((vehicle, values[columns.index("model")], values[columns.index("type")]))
        split.append("train" if vehicle in train else "test")
    return source_of(folder, paths, lineages, LEVELS, split)
