"""Stanford Online Products: products in twelve categories, with its own open-set split."""

from pathlib import Path

from dyml.data.builders.source import Lineage, Source, source_of
from dyml.data.builders.text_lists import read_list

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
HEADER = "image_id class_id super_class_id path"


def read_online_products(folder: str | Path) -> Source:
    """Read Stanford Online Products.

    Args:
        folder: `Stanford_Online_Products`: holds Ebay_train.txt, Ebay_test.txt and the folders of pictures.

    Returns:
        The levels product and category; split train and test, as published. A category is named by its
        folder, without `_final`.

    Raises:
        ManifestError: a list is missing or not of that form.

    Source: Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding", CVPR 2016.
    """
    folder = Path(folder)
    paths: list[str] = []
    lineages: list[Lineage] = []
    split: list[str] = []
    for side, name in LISTS.items():
        for _, product, _, path in read_list(folder / name, 4, HEADER):
            category = path.split("/")[0].removesuffix("_final")
            paths.append(path)
            lineages.append((f"{category} {product}", category))
            split.append(side)
    return source_of(folder, paths, lineages, ("product", "category"), split)
