"""Pictures and classes out of a Hugging Face `datasets` object, played by a stand-in with its interface."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dyml.data import open_image, read_manifest
from dyml.data.builders import build_manifest, read_hugging_face
from dyml.errors import ImageError, InputError, RunError

GENERA = ["Lynx", "Vulpes"]


class Rows:
    """What `datasets.Dataset` offers: columns, features, rows."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.column_names = list(rows[0])
        self.features = {name: SimpleNamespace() for name in rows[0]}
        self.features["genus"] = SimpleNamespace(names=GENERA)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)


def picture(value: int) -> Image.Image:
    return Image.fromarray(np.full((6, 6, 3), value, dtype=np.uint8))


def coded(value: int, form: str = "JPEG") -> dict[str, Any]:
    stream = io.BytesIO()
    picture(value).save(stream, form)
    return {"bytes": stream.getvalue(), "path": None}


def rows(start: int, count: int = 6) -> list[dict[str, Any]]:
    return [
        {"image": coded(10 * i), "species": f"s{start + i // 2}", "genus": i % 4 // 2, "id": i}
        for i in range(count)
    ]


def test_a_dataset_becomes_a_manifest(tmp_path: Path) -> None:
    data = Rows(rows(0))
    source = read_hugging_face(data, tmp_path, ["species", "genus"])
    assert source.paths[0] == "pictures/00000/00000000.jpg"
    assert (tmp_path / source.paths[0]).read_bytes() == data.rows[0]["image"]["bytes"], "written as they are"
    build_manifest(source, tmp_path / "manifest.csv")
    manifest = read_manifest(tmp_path)
    assert manifest.scales == ("species", "genus")
    assert (manifest.taxonomy.names or ())[1] == tuple(GENERA)
    assert manifest.splits == ("train", "test")


def test_the_names_of_several_parts_are_the_split(tmp_path: Path) -> None:
    source = read_hugging_face(
        {"train": Rows(rows(0)), "test": Rows(rows(10, 4))}, tmp_path, ["species", "genus"]
    )
    assert source.split == ["train"] * 6 + ["test"] * 4
    assert build_manifest(source, tmp_path / "m.csv").manifest.split == source.split


def test_decoded_pictures_and_other_formats(tmp_path: Path) -> None:
    data: list[dict[str, Any]] = [
        {"image": picture(77), "genus": 0},
        {"image": coded(77, "PNG"), "genus": -1},
        {"image": coded(77, "WEBP"), "genus": None},
    ]
    source = read_hugging_face(Rows(data), tmp_path, ["genus"])
    assert [path[-4:] for path in source.paths] == [".png", ".png", "webp"]
    assert source.lineages == [("Lynx",), ("",)]
    assert source.leaf.tolist() == [0, 1, 1]
    assert np.asarray(open_image(tmp_path / source.paths[0])).max() == 77


def test_what_cannot_be_used_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pictures: no column 'imag'; .* Did you mean 'image'"):
        read_hugging_face(Rows(rows(0)), tmp_path, ["species"], image_column="imag")
    with pytest.raises(InputError, match=r"train: no column 'sort'"):
        read_hugging_face({"train": Rows(rows(0))}, tmp_path, ["sort"])
    with pytest.raises(InputError, match=r"pictures, row 1, 'image': holds no picture, but str"):
        read_hugging_face(Rows([*rows(0, 1), {**rows(0)[0], "image": "x.jpg"}]), tmp_path, ["species"])
    broken = {**rows(0)[0], "image": {"bytes": b"broken", "path": None}}
    with pytest.raises(ImageError, match=r"pictures, row 0, 'image': is none of JPEG"):
        read_hugging_face(Rows([broken]), tmp_path, ["species"])
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        read_hugging_face(Rows(rows(0)), tmp_path / "file", ["species"])
