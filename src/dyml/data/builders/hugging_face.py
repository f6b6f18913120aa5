"""A Hugging Face `datasets` object: its pictures are written out, since they live inside of tables.

The object is used by what it offers, so the package itself is not needed here: rows that are mappings,
`column_names`, and `features`, whose class labels know their names.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.images import decode_image
from dyml.errors import InputError, RunError, shortened, suggest

_FOLDER = 1000  # pictures in one folder
_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}


def read_hugging_face(
    parts: Mapping[str, Any] | Any,
    folder: str | Path,
    levels: Sequence[str],
    image_column: str = "image",
) -> Source:
    """Write the pictures of a `datasets` object to a folder and read its classes.

    Pictures that come as bytes (`cast_column(image_column, datasets.Image(decode=False))`) are written as
    they are, much faster and without loss; decoded ones are written as PNG.

    Args:
        parts: a `datasets.Dataset`, or a `datasets.DatasetDict`, whose names are then the split.
        folder: where the pictures go; made where it is missing.
        levels: the columns of classes, fine to coarse: text, whole numbers, or class labels, whose names are
            taken. None and blank mean that a branch lacks the level.
        image_column: the column of pictures.

    Raises:
        InputError: a column is not there, or holds no pictures; the text names the row.
        ImageError: a picture of unknown format; the text names the row.
        RunError: the folder cannot be written.
    """
    folder = Path(folder)
    split_names = None if hasattr(parts, "column_names") and not isinstance(parts, Mapping) else list(parts)
    named = {"pictures": parts} if split_names is None else {name: parts[name] for name in split_names}
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for name, part in named.items():
        _check_columns(part, [image_column, *levels], name)
        labels = [_names(part, level) for level in levels]
        for number, row in enumerate(part):
            stem = f"{name}/{number // _FOLDER:05d}/{number:08d}"
            paths.append(_write(row[image_column], folder, stem, f"{name}, row {number}, {image_column!r}"))
            lineages.append(tuple(_class(row[level], known) for level, known in zip(levels, labels)))
            split.append(name)
    return source_of(folder, paths, lineages, tuple(levels), None if split_names is None else split)


def _check_columns(part: Any, columns: Sequence[str], name: str) -> None:
    there = list(part.column_names)
    for column in columns:
        if column not in there:
            raise InputError(
                f"{name}: no column {column!r}; it has {shortened(map(repr, there), 10)}."
                f"{suggest(column, there)}"
            )


def _names(part: Any, level: str) -> Sequence[str] | None:
    names = getattr(part.features[level], "names", None)
    return None if names is None else list(names)


def _class(value: Any, names: Sequence[str] | None) -> str:
    if value is None:
        return ""
    if names is None:
        return str(value)
    # Class labels mark what is unknown by a negative number.
    return names[value] if value >= 0 else ""


def _write(value: Any, folder: Path, stem: str, where: str) -> str:
    if isinstance(value, Mapping) and value.get("bytes"):
        data: bytes = value["bytes"]
        decode_image(io.BytesIO(data), where)
        with Image.open(io.BytesIO(data)) as picture:
            ending = _ENDINGS.get(picture.format or "", ".png")
    elif isinstance(value, Image.Image):
        coded = io.BytesIO()
        value.save(coded, "PNG", compress_level=1)
        data, ending = coded.getvalue(), ".png"
    else:
        raise InputError(f"{where}: holds no picture, but {type(value).__name__}: decode the column as Image")
    target = folder / f"{stem}{ending}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    except OSError as error:
        raise RunError(f"cannot write {target}: {error.strerror or error}. Choose another folder.") from error
    return f"{stem}{ending}"
