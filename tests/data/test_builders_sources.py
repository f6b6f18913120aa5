"""Each builder on a generated miniature of its source's real layout."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from dyml.data import read_manifest
from dyml.data.builders import (
    build_manifest,
    read_class_folders,
    read_cub,
    read_inaturalist,
    read_online_products,
    read_tabular,
    read_vehicle_id,
    read_veri_wild,
)
from dyml.errors import ManifestError

# name, genus, family, order, class, phylum, kingdom
LIFE = [
    ("Vulpes vulpes", "Vulpes", "Canidae", "Carnivora", "Mammalia", "Chordata", "Animalia"),
    ("Vulpes lagopus", "Vulpes", "Canidae", "Carnivora", "Mammalia", "Chordata", "Animalia"),
    ("Lynx lynx", "Lynx", "Felidae", "Carnivora", "Mammalia", "Chordata", "Animalia"),
    ("Alca torda", "Alca", "Alcidae", "", "Aves", "Chordata", "Animalia"),
    ("Ficus carica", "Ficus", "Moraceae", "Rosales", "Magnoliopsida", "Tracheophyta", "Plantae"),
    ("Rosa canina", "Rosa", "Rosaceae", "Rosales", "Magnoliopsida", "Tracheophyta", "Plantae"),
]
KEYS = ("name", "genus", "family", "order", "class", "phylum", "kingdom")


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def make_inaturalist(root: Path, year: int) -> Path:
    """Write train<year>.json as released: 2018 hides the names, which categories.json then gives."""
    root.mkdir()
    images = [{"id": i, "file_name": f"train_val{year}/Life/{i % 6}/{i}.jpg", "width": 8} for i in range(24)]
    labels = [{"id": i, "image_id": i, "category_id": i % 6} for i in range(24)]
    full: list[dict[str, Any]] = [
        {"id": i, "supercategory": entry[-1], **dict(zip(KEYS, entry))} for i, entry in enumerate(LIFE)
    ]
    short = [{"id": i, "name": str(i), "supercategory": LIFE[i][-1]} for i in range(6)]
    name = "train2018.json" if year == 2018 else "train.json"
    value = {"images": images, "annotations": labels, "categories": short if year == 2018 else full}
    (root / name).write_text(json.dumps(value))
    if year == 2018:
        (root / "categories.json").write_text(json.dumps(full))
    touch(root, *(str(image["file_name"]) for image in images))
    return root


@pytest.mark.parametrize("year", [2018, 2021])
def test_inaturalist(tmp_path: Path, year: int) -> None:
    root = make_inaturalist(tmp_path / "inat", year)
    source = read_inaturalist(root)
    assert source.levels == ("species", "genus", "family", "order", "class", "phylum", "kingdom")
    assert len(source) == 24
    built = build_manifest(source, root / "manifest.csv", scales=["species", "order", "kingdom"])
    manifest = read_manifest(root, ["species", "order", "kingdom"])
    assert manifest.taxonomy.num_classes == (6, 3, 2)
    assert (manifest.taxonomy.names or ())[1] == ("Alcidae (family)", "Carnivora", "Rosales")
    assert "order: missing for 1 classes, filled by what lies below" in built.notes
    assert manifest.full_path(0).is_file()


def test_inaturalist_2017_has_two_levels(tmp_path: Path) -> None:
    value = {
        "images": [{"id": 5, "file_name": "train_val_images/Aves/x/1.jpg"}],
        "annotations": [{"image_id": 5, "category_id": 9}],
        "categories": [{"id": 9, "name": "Alca torda", "supercategory": "Aves"}],
    }
    (tmp_path / "train2017.json").write_text(json.dumps(value))
    source = read_inaturalist(tmp_path)
    assert source.levels == ("species", "supercategory")
    assert source.lineages == [("Alca torda", "Aves")]


def test_inaturalist_says_what_it_needs(tmp_path: Path) -> None:
    root = make_inaturalist(tmp_path / "inat", 2018)
    (root / "train2019.json").write_text("{")
    with pytest.raises(ManifestError, match=r"several could be meant: train2018.json, train2019.json"):
        read_inaturalist(root)
    assert len(read_inaturalist(root, ["train2018.json"])) == 24
    assert len(read_inaturalist(root, [root / "train2018.json", root / "train2018.json"])) == 48
    with pytest.raises(ManifestError, match=r"train2019.json: not JSON, or cut short"):
        read_inaturalist(root, ["train2019.json"])
    with pytest.raises(ManifestError, match=r"no file .*val.json"):
        read_inaturalist(root, ["val.json"])
    (root / "test.json").write_text('{"images": [], "categories": []}')
    with pytest.raises(ManifestError, match=r"not an annotation file .* The test sets have no labels"):
        read_inaturalist(root, ["test.json"])
    with pytest.raises(ManifestError, match=r"no train\*.json"):
        read_inaturalist(tmp_path)


def make_products(root: Path) -> Path:
    """Write the two lists as released."""
    number = 0
    for name, products in (("Ebay_train.txt", range(1, 7)), ("Ebay_test.txt", range(7, 11))):
        lines = ["image_id class_id super_class_id path"]
        for product in products:
            category = ("bicycle", "chair")[product % 2]
            for k in range(3):
                number += 1
                path = f"{category}_final/11108512{product}_{k}.JPG"
                lines.append(f"{number} {product} {product % 2 + 1} {path}")
                touch(root, path)
        (root / name).write_text("\n".join(lines) + "\n")
    return root


def test_online_products_keep_their_own_split(tmp_path: Path) -> None:
    root = make_products(tmp_path)
    built = build_manifest(read_online_products(root), root / "manifest.csv")
    manifest = read_manifest(root)
    assert manifest.scales == ("product", "category")
    assert manifest.taxonomy.num_classes == (10, 2)
    assert (manifest.taxonomy.names or ())[1] == ("bicycle", "chair")
    assert len(manifest.only("train")) == 18
    assert len(manifest.only("test")) == 12
    assert manifest.full_path(0).is_file()
    assert built.notes == ("the split is the source's own",)


def test_online_products_name_the_list_that_is_wrong(tmp_path: Path) -> None:
    root = make_products(tmp_path)
    (root / "Ebay_test.txt").write_text("image_id class_id super_class_id path\n1 2 3\n")
    with pytest.raises(ManifestError, match=r"Ebay_test.txt: row 2 has 3 of 4 values"):
        read_online_products(root)
    (root / "Ebay_test.txt").write_text("1 2 3 a/b.jpg\n")
    with pytest.raises(ManifestError, match=r"row 1 must begin 'image_id class_id"):
        read_online_products(root)
    (root / "Ebay_test.txt").write_text("image_id class_id super_class_id path\n\n")
    with pytest.raises(ManifestError, match="has no rows"):
        read_online_products(root)
    (root / "Ebay_test.txt").unlink()
    with pytest.raises(ManifestError, match=r"no list .*Ebay_test.txt: is this the folder"):
        read_online_products(root)


TAXONOMY = "class,genus,family,order\nBlack_footed_Albatross,Phoebastria,Diomedeidae,Procellariiformes\n"


def make_cub(root: Path, classes: int = 104) -> Path:
    """Write the lists of CUB-200-2011, two pictures a class, and a table of the taxonomy."""
    root.mkdir()
    names = [f"{i:03d}.{'Black_footed_Albatross' if i == 1 else f'Bird_{i}'}" for i in range(1, classes + 1)]
    pictures = [(2 * i + k + 1, i + 1, f"{name}/p_{k}.jpg") for i, name in enumerate(names) for k in range(2)]
    (root / "classes.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(names, start=1)))
    (root / "images.txt").write_text("".join(f"{number} {path}\n" for number, _, path in pictures))
    (root / "image_class_labels.txt").write_text("".join(f"{n} {label}\n" for n, label, _ in pictures))
    rows = [f"{name},G{i // 4},F{i // 25},O{i // 50}\n" for i, name in enumerate(names) if i]
    (root / "taxonomy.csv").write_text(TAXONOMY + "".join(rows))
    touch(root, *(f"images/{path}" for _, _, path in pictures))
    return root


def test_cub_with_a_taxonomy(tmp_path: Path) -> None:
    root = make_cub(tmp_path / "CUB_200_2011")
    source = read_cub(root, root / "taxonomy.csv")
    assert source.levels == ("species", "genus", "family", "order")
    build_manifest(source, root / "manifest.csv", scales=["species", "family", "order"])
    manifest = read_manifest(root)
    assert manifest.scales == ("species", "family", "order")
    assert manifest.taxonomy.num_classes == (104, 6, 4)
    assert len(manifest.only("test")) == 8
    assert manifest.only("test").taxonomy.name(0, 0) == "Bird_101"
    assert manifest.paths[0] == "images/001.Black_footed_Albatross/p_0.jpg"


def test_cub_says_what_its_taxonomy_lacks(tmp_path: Path) -> None:
    root = make_cub(tmp_path / "CUB_200_2011", classes=3)
    table = root / "taxonomy.csv"
    table.write_text(TAXONOMY + "Bird_2,G,F,O\n")
    with pytest.raises(ManifestError, match=r"1 classes of classes.txt have no row: 003.Bird_3"):
        read_cub(root, table)
    table.write_text(TAXONOMY + "Bird_2,G,F,O\nBird_2,G,F,P\n")
    with pytest.raises(ManifestError, match=r"row 4: class 'Bird_2' comes twice, with other values"):
        read_cub(root, table)
    table.write_text(TAXONOMY + "Bird_2,G,F,O\n002.Bird_2,G,F,O\n")
    with pytest.raises(ManifestError, match="a class comes twice, with and without its number"):
        read_cub(root, table)
    table.write_text("class\nBird_2\n")
    with pytest.raises(ManifestError, match="needs a column of classes and one or more coarser levels"):
        read_cub(root, table)
    table.write_text(TAXONOMY + "Bird_2,G,F,O\nBird_3,G,F,O\n")
    (root / "image_class_labels.txt").write_text("1 1\n2 9\n")
    with pytest.raises(ManifestError, match=r"picture 2 .* has no class: fetch image_class_labels.txt again"):
        read_cub(root, table)


ROWS = [
    {"image": "a/1.jpg", "sku": 1, "kind": "cup", "area": "kitchen", "side": "train"},
    {"image": "a/2.jpg", "sku": 1, "kind": "cup", "area": "kitchen", "side": "train"},
    {"image": "./a/3.jpg", "sku": 2, "kind": None, "area": "garden", "side": "test"},
    {"image": "a\\4.jpg", "sku": 2, "kind": None, "area": "garden", "side": "test"},
]


@pytest.mark.parametrize("ending", ["csv", "parquet", "json", "jsonl"])
def test_tables_of_every_kind_say_the_same(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"shop.{ending}"
    if ending == "csv":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        file.write_text("\n".join([",".join(ROWS[0]), *lines]) + "\n")
    elif ending == "parquet":
        pa.parquet.write_table(pa.Table.from_pylist(ROWS), file)
    elif ending == "json":
        file.write_text(json.dumps(ROWS))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    touch(tmp_path, *(f"a/{i}.jpg" for i in range(1, 5)))
    source = read_tabular(file, ["sku", "kind", "area"], split_column="side")
    assert source.paths == [f"a/{i}.jpg" for i in range(1, 5)]
    assert source.lineages == [("1", "cup", "kitchen"), ("2", "", "garden")]
    built = build_manifest(source, tmp_path / "manifest.csv", scales=["sku", "kind", "area"])
    manifest = read_manifest(tmp_path, ["sku", "kind", "area"])
    assert (manifest.taxonomy.names or ())[1] == ("2 (sku)", "cup")
    assert manifest.splits == ("train", "test")
    assert "the split is the source's own" in built.notes


def test_a_table_may_lie_apart_from_its_pictures(tmp_path: Path) -> None:
    file = tmp_path / "tables" / "t.json"
    file.parent.mkdir()
    file.write_text(json.dumps([{"path": "1.jpg", "kind": "a", "boxes": [[1, 2]]}]))
    touch(tmp_path / "pictures", "1.jpg")
    assert read_tabular(file, ["kind"], root=tmp_path / "pictures").root == tmp_path / "pictures"


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("image,kind\na,b\n", {"levels": []}, r"name the columns of classes, .* it has 'image', 'kind'"),
        ("image,kind\na,b\n", {"levels": ["knd"]}, r"no column 'knd'; .* Did you mean 'kind'"),
        ("x,kind\na,b\n", {}, "which column holds the paths\\? none has a usual name"),
        ("path,image,kind\na,b,c\n", {}, r"several could be \(path, image\)"),
        ("image,kind\n,b\n", {}, r"row 2: image is blank"),
        ("image,kind,side\na,b,\n", {"split_column": "side"}, r"row 2: side is blank"),
    ],
)
def test_tables_that_cannot_be_used_say_why(
    tmp_path: Path, text: str, options: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(ManifestError, match=expected):
        read_tabular(file, **({"levels": ["kind"]} | options))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not JSON"),
        ("{}", "must hold a list of objects"),
        ("[1]", "a list of objects"),
        ("[]", "a list of"),
    ],
)
def test_json_of_another_form_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "t.json"
    with pytest.raises(ManifestError, match="no table"):
        read_tabular(file, ["kind"])
    file.write_text(text)
    with pytest.raises(ManifestError, match=expected):
        read_tabular(file, ["kind"])


def make_synsets(root: Path) -> Path:
    """Write ImageNet-style folders, three pictures each, and their Linnaean table."""
    for i, entry in enumerate(LIFE):
        touch(root / "pictures", *(f"n0{i}/n0{i}_{k}.JPEG" for k in range(3)))
        with (root / "life.csv").open("a") as table:
            table.write(
                ("synset,family,order,kingdom\n" if i == 0 else "")
                + f"n0{i},{entry[2]},{entry[3]},{entry[6]}\n"
            )
    return root


def test_class_folders_with_a_table(tmp_path: Path) -> None:
    root = make_synsets(tmp_path)
    source = read_class_folders(root / "pictures", root / "life.csv", finest="synset")
    assert source.levels == ("synset", "family", "order", "kingdom")
    build_manifest(source, root / "manifest.csv", scales=["synset", "order", "kingdom"])
    manifest = read_manifest(root)
    assert manifest.paths[0] == "pictures/n00/n00_0.JPEG"
    assert manifest.taxonomy.num_classes == (6, 3, 2)
    assert manifest.full_path(0).is_file()


def test_class_folders_say_what_is_wrong(tmp_path: Path) -> None:
    root = make_synsets(tmp_path)
    with pytest.raises(ManifestError, match="no such folder"):
        read_class_folders(root / "gone", root / "life.csv")
    touch(root / "pictures", "n99/1.jpg")
    with pytest.raises(ManifestError, match=r"1 class folders of .* have no row: n99"):
        read_class_folders(root / "pictures", root / "life.csv")
    touch(root / "pictures", "loose.jpg")
    with pytest.raises(ManifestError, match=r"1 pictures lie in no class folder: loose.jpg"):
        read_class_folders(root / "pictures", root / "life.csv")
    (root / "empty").mkdir()
    with pytest.raises(ManifestError, match="no pictures under it"):
        read_class_folders(root / "empty", root / "life.csv")


def make_vehicle_id(root: Path) -> Path:
    """Write VehicleID's lists: 12 vehicles of 4 models, and one without a model."""
    (root / "attribute").mkdir(parents=True)
    (root / "train_test_split").mkdir()
    (root / "attribute/model_attr.txt").write_text("".join(f"{v} {v % 4}\n" for v in range(12)))
    rows = [(f"{3 * v + k:07d}", v) for v in range(13) for k in range(3)]
    touch(root, *(f"image/{picture}.jpg" for picture, _ in rows))
    for name, wanted in (("train_list", range(7)), ("test_list_13164", range(7, 13))):
        lines = [f"{picture} {vehicle}\n" for picture, vehicle in rows if vehicle in wanted]
        (root / f"train_test_split/{name}.txt").write_text("".join(lines))
    (root / "types.csv").write_text("model,type\n0,car\n1,car\n2,van\n3,\n")
    return root


def test_vehicle_id_with_a_table_of_types(tmp_path: Path) -> None:
    root = make_vehicle_id(tmp_path)
    source = read_vehicle_id(root, root / "types.csv")
    assert len(source) == 36, "the vehicle without a model is left out"
    build_manifest(source, root / "manifest.csv")
    manifest = read_manifest(root)
    assert manifest.scales == ("vehicle", "model", "type")
    assert manifest.taxonomy.num_classes == (12, 4, 3)
    assert (manifest.taxonomy.names or ())[2] == ("3 (model)", "car", "van")
    assert len(manifest.only("train")) == 21
    (root / "types.csv").write_text("model,type\n0,car\n1,car\n")
    with pytest.raises(ManifestError, match=r"types.csv: 2 models have no row: 2, 3"):
        read_vehicle_id(root, root / "types.csv")


def make_veri_wild(root: Path) -> Path:
    """Write VERI-Wild's lists: 8 vehicles of 4 models of 2 types."""
    rows = [(f"{v:05d}", f"{3 * v + k:06d}") for v in range(8) for k in range(3)]
    touch(root, *(f"images/{vehicle}/{picture}.jpg" for vehicle, picture in rows))
    lists = root / "train_test_split"
    lists.mkdir()
    lines = [
        f"{v}/{p};12;2018-03-11 10:00:00;Model {int(v) % 4};{('SUV', 'sedan')[int(v) % 2]};white"
        for v, p in rows
    ]
    (lists / "vehicle_info.txt").write_text(
        "\n".join(["id/image;Camera ID;Time;Model;Type;Color", *lines]) + "\n"
    )
    (lists / "train_list.txt").write_text("".join(f"{v}/{p}.jpg\n" for v, p in rows if int(v) < 5))
    return root


def test_veri_wild_names_models_and_types_itself(tmp_path: Path) -> None:
    root = make_veri_wild(tmp_path)
    build_manifest(read_veri_wild(root), root / "manifest.csv")
    manifest = read_manifest(root)
    assert manifest.scales == ("vehicle", "model", "type")
    assert manifest.taxonomy.num_classes == (8, 4, 2)
    assert len(manifest.only("test")) == 9
    assert manifest.paths[0] == "images/00000/000000.jpg"
    info = root / "train_test_split/vehicle_info.txt"
    info.write_text("id/image;Camera ID;Time;Model;Type;Color\n00001/000001;3;now\n")
    with pytest.raises(ManifestError, match="row 2 is not vehicle/picture and 5 values more"):
        read_veri_wild(root)
    info.write_text("00001/000001;3;now;Model 1;SUV;white\n")
    with pytest.raises(ManifestError, match="row 1 must name model and type"):
        read_veri_wild(root)
    (root / "train_test_split/train_list.txt").unlink()
    with pytest.raises(ManifestError, match=r"no list .*train_list.txt"):
        read_veri_wild(root)
