"""One folder a class, and a table that says what each class belongs to: ImageNet-style synsets, for one.

So DyML-Animal was made: synset folders, and a Linnaean table of them.
"""

from pathlib import Path

from dyml.data.builders.lookup import read_lookup
from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.walk import walk
from dyml.errors import ManifestError, shortened


def read_class_folders(folder: str | Path, taxonomy: str | Path, finest: str = "class") -> Source:
    """Read pictures in one folder a class.

    Args:
        folder: holds the class folders, at any depth; a class is the innermost folder around a picture, such
            as `n02129165`.
        taxonomy: a CSV or Parquet table of one row a class: the folder's name, then the levels, fine to
            coarse. A level that a class lacks is left blank. Classes without a folder do no harm.
        finest: what to call the level of the folders.

    Raises:
        ManifestError: there are no pictures, pictures lie in no class folder, or the table lacks a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder")
    levels, above = read_lookup(Path(taxonomy))
    pictures = walk(folder).pictures
    if not pictures:
        raise ManifestError(f"{folder}: no pictures under it")
    loose = ["/".join(picture) for picture in pictures if len(picture) < 2]
    if loose:
        raise ManifestError(
            f"{folder}: {len(loose):,} pictures lie in no class folder: {shortened(loose, 3)}. Name the "
            f"folder that holds the class folders, or move them."
        )
    missing = sorted({picture[-2] for picture in pictures} - above.keys())
    if missing:
        raise ManifestError(
            f"{taxonomy}: {len(missing):,} class folders of {folder} have no row: {shortened(missing)}"
        )
    lineages: list[Lineage] = [(picture[-2], *above[picture[-2]]) for picture in pictures]
    return source_of(folder, ["/".join(picture) for picture in pictures], lineages, (finest, *levels))
