"""Taxonomies as trees, and the builders that came with them, each on a miniature of its source's layout."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data import read_manifest
from dyml.data.builders import (
    build_manifest,
    join_sources,
    read_class_folders,
    read_comp_cars,
    read_imaterialist,
    read_tree,
    read_vehicles,
    source_of,
)
from dyml.data.split import side_counts
from dyml.errors import ManifestError

ABOVE = {
    "Clothing": ("", ""),
    "Shoes": ("", "Clothing"),
    "Boots": ("Shoes", "Clothing"),
    "Hats": ("", "Clothing"),
    "Food": ("", ""),
    "Bread": ("", "Food"),
}
NESTED = {"Clothing": {"Shoes": ["Boots"], "Hats": None}, "Food": ["Bread"]}
NODES = [
    {"name": "Clothing", "children": [{"name": "Shoes", "children": [{"name": "Boots"}]}, {"name": "Hats"}]},
    {"name": "Food", "children": [{"name": "Bread", "children": []}]},
]


def touch(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


@pytest.mark.parametrize("tree", [NESTED, NODES, {"children": NODES}, {"Products": NESTED}], ids=str)
def test_json_trees_of_every_form_say_the_same(tmp_path: Path, tree: Any) -> None:
    file = tmp_path / "product_tree.json"
    file.write_text(json.dumps(tree))
    assert read_tree(file) == (("depth-2", "depth-1"), ABOVE)


def test_lists_and_tables_of_parents_say_the_same(tmp_path: Path) -> None:
    edges = [("Clothing", "Shoes"), ("Shoes", "Boots"), ("Clothing", "Hats"), ("Food", "Bread")]
    text, table = tmp_path / "is_a.txt", tmp_path / "parents.csv"
    text.write_text("".join(f"{parent} {child}\n" for parent, child in edges))
    table.write_text("child,parent\n" + "".join(f"{child},{parent}\n" for parent, child in edges))
    assert read_tree(text) == read_tree(table) == (("depth-2", "depth-1"), ABOVE)
    text.write_text("all Clothing\nall Food\n" + text.read_text() + "Food Boots\n")
    assert read_tree(text) == (("depth-2", "depth-1"), ABOVE), "one root for all tells nothing; first parent"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.json", "{", "not a tree of classes as JSON"),
        ("t.json", '{"a": 1.5}', "not a tree of classes as JSON: 1.5 is no class"),
        ("t.json", '["a", "b"]', "no class has a class above it"),
        ("t.json", "[" * 200 + "]" * 200, "not a tree of classes as JSON|no class has a class above it"),
        ("t.txt", "a b\nb a\n", "'b' is deeper than 60 levels, or its parents go round in a circle: a, b"),
        ("t.txt", "a a\n", "go round in a circle"),
        ("t.txt", "a\n", "row 1 has 1 of 2 values"),
        ("t.csv", "child,parent\nb,a\na,b\n", "go round in a circle"),
    ],
)
def test_trees_that_are_none_say_why(tmp_path: Path, name: str, text: str, expected: str) -> None:
    with pytest.raises(ManifestError, match=r"no tree|no list|no table|no manifest"):
        read_tree(tmp_path / name)
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifestError, match=expected):
        read_tree(tmp_path / name)


WORDNET = """n00001930 n00004258
n00004258 n00015388
n00015388 n01471682
n01471682 n01503061
n01471682 n01861778
n01503061 n01514668
n01861778 n02083346
n02083346 n02084071
n02083346 n02119022
n02084071 n02085620
n00004258 n00017222
n00017222 n11669921
n11669921 n11939491
"""


def test_synset_folders_with_the_is_a_list_of_wordnet(tmp_path: Path) -> None:
    leaves = ("n01514668", "n02085620", "n02119022", "n11939491")
    touch(tmp_path, *(f"train/{leaf}/{leaf}_{k}.JPEG" for leaf in leaves for k in range(3)))
    (tmp_path / "wordnet.is_a.txt").write_text(WORDNET)
    source = read_class_folders(tmp_path / "train", tmp_path / "wordnet.is_a.txt")
    # Everything is an entity, so that says nothing and is no level.
    assert source.levels[0] == "class"
    assert source.levels[-1] == "depth-1"
    by_class = {lineage[0]: lineage for lineage in source.lineages}
    assert by_class["n02085620"][-4:] == ("n01861778", "n01471682", "n00015388", "n00004258")
    assert by_class["n11939491"][1:-3] == ("",) * (len(source.levels) - 4)
    build_manifest(source, tmp_path / "manifest.csv", scales=["class", "depth-4", "depth-2"], least=1)
    manifest = read_manifest(tmp_path, ["class", "depth-4", "depth-2"])
    names = manifest.taxonomy.names or ()
    assert names[2] == ("n00015388", "n00017222")
    # The plant ends above depth 4, the bird lies just there: each is a class of its own.
    assert len(names[1]) == 3
    assert "n01861778" in names[1]


def make_imaterialist(root: Path) -> Path:
    """Write train.json, val.json, product_tree.json and pictures: 8 products of 4 kinds in 2 areas."""
    root.mkdir()
    for part, each in (("train", 3), ("val", 1)):
        images = [
            {"id": f"{part}{k:03d}", "url": f"https://shop.example/{k}.jpg", "class": k % 8}
            for k in range(8 * each)
        ]
        (root / f"{part}.json").write_text(json.dumps({"images": images}))
        touch(root, *(f"{part}/{image['id']}.jpg" for image in images))
    kinds = [[str(4 * area + 2 * kind + k) for k in range(2)] for area in range(2) for kind in range(2)]
    tree = {f"area {a}": {f"kind {a}{k}": kinds[2 * a + k] for k in range(2)} for a in range(2)}
    (root / "product_tree.json").write_text(json.dumps(tree))
    return root


def test_imaterialist_products_with_their_tree(tmp_path: Path) -> None:
    root = make_imaterialist(tmp_path / "imat")
    source = read_imaterialist(root, root / "product_tree.json")
    assert source.levels == ("product", "depth-2", "depth-1")
    built = build_manifest(source, root / "manifest.csv")
    manifest = read_manifest(root)
    assert manifest.scales == ("product", "depth-2", "depth-1")
    assert manifest.taxonomy.num_classes == (8, 4, 2)
    assert len(manifest) == 32
    assert manifest.paths[0] == "train/train000.jpg"
    assert "split by fine class, seed 0" in built.notes
    (root / "train/train000.jpg").unlink()
    again = build_manifest(read_imaterialist(root, root / "product_tree.json"), root / "again.csv")
    assert "1 pictures are not on disk and left out: train/train000.jpg" in again.notes


def test_imaterialist_says_what_it_lacks(tmp_path: Path) -> None:
    root = make_imaterialist(tmp_path / "imat")
    (root / "product_tree.json").write_text('{"a": ["0", "1"]}')
    with pytest.raises(
        ManifestError, match=r"6 classes of .*train.json are not in it: 2, 3, 4, 5, 6 and 1 m"
    ):
        read_imaterialist(root, root / "product_tree.json")
    (root / "val.json").write_text('{"images": [{"id": "x"}]}')
    (root / "product_tree.json").write_text(json.dumps({"a": [str(k) for k in range(8)]}))
    with pytest.raises(
        ManifestError, match=r"val.json: not a list of iMaterialist Product .* has no classes"
    ):
        read_imaterialist(root, root / "product_tree.json")
    (root / "train.json").unlink()
    with pytest.raises(ManifestError, match=r"no list .*train.json"):
        read_imaterialist(root, root / "product_tree.json")


def make_comp_cars(root: Path) -> Path:
    """Write the pictures from the web: 3 makes of 2 models of 2 years, and the list of attributes."""
    rows = ["model_id maximum_speed displacement door_number seat_number type"]
    for model in range(1, 7):
        rows.append(f"{model} 235 1.8 5 5 {(0, 2, 3)[model % 3]}")
        make = (model + 1) // 2
        touch(root, *(f"image/{make}/{model}/{y}/{y}_{k}.jpg" for y in (2012, 2014) for k in range(2)))
    (root / "misc").mkdir()
    (root / "misc/attributes.txt").write_text("\n".join(rows) + "\n")
    return root


def test_comp_cars_by_make_or_by_type(tmp_path: Path) -> None:
    root = make_comp_cars(tmp_path / "data")
    source = read_comp_cars(root)
    build_manifest(source, root / "make.csv", scales=["car", "model", "make"])
    by_make = read_manifest(root / "make.csv", ["car", "model", "make"])
    assert by_make.taxonomy.num_classes == (12, 6, 3)
    assert by_make.full_path(0).is_file()
    built = build_manifest(source, root / "type.csv", scales=["car", "model", "type"])
    assert (built.manifest.taxonomy.names or ())[2] == ("SUV", "model 3 (model)", "model 6 (model)", "sedan")
    assert "type: missing for 4 classes, filled by what lies below" in built.notes


def test_comp_cars_say_what_is_wrong(tmp_path: Path) -> None:
    root = make_comp_cars(tmp_path / "data")
    touch(root, "image/1/9/2012/a.jpg")
    with pytest.raises(ManifestError, match=r"attributes.txt: 1 models have no row: 9"):
        read_comp_cars(root)
    touch(root, "image/1/b.jpg")
    with pytest.raises(ManifestError, match=r"1 pictures do not lie in MAKE/MODEL/YEAR: 1/b.jpg"):
        read_comp_cars(root)
    (root / "misc/attributes.txt").write_text(
        "model_id maximum_speed displacement door_number seat_number type\n1 1 1 1 1 99\n"
    )
    with pytest.raises(ManifestError, match=r"row 2: the type is '99'; types are 0 \(not known\) to 12"):
        read_comp_cars(root)
    with pytest.raises(ManifestError, match=r"no list .*attributes.txt"):
        read_comp_cars(tmp_path)


def make_vehicles(root: Path) -> Path:
    """Write both sets side by side: 8 vehicles each; they share a model and both types."""
    one, two = root / "VehicleID_V1.0", root / "VERI-Wild"
    (one / "attribute").mkdir(parents=True)
    (one / "train_test_split").mkdir()
    (two / "train_test_split").mkdir(parents=True)
    (one / "attribute/model_attr.txt").write_text("".join(f"{v} {v % 4}\n" for v in range(8)))
    rows = [(f"{3 * v + k:07d}", v) for v in range(8) for k in range(3)]
    touch(one, *(f"image/{picture}.jpg" for picture, _ in rows))
    for name, wanted in (("train_list", range(4)), ("test_list_13164", range(4, 8))):
        lines = [f"{picture} {vehicle}\n" for picture, vehicle in rows if vehicle in wanted]
        (one / f"train_test_split/{name}.txt").write_text("".join(lines))
    (root / "models.csv").write_text("number,model,type\n0,Golf,car\n1,Polo,car\n2,Transit,van\n3,Vito,van\n")
    pairs = [(f"{v:05d}", f"{3 * v + k:06d}") for v in range(8) for k in range(3)]
    touch(two, *(f"images/{vehicle}/{picture}.jpg" for vehicle, picture in pairs))
    models = [("Golf", "car"), ("Passat", "car"), ("Sprinter", "van"), ("Caddy", "van")]
    lines = [f"{v}/{p};1;now;{';'.join(models[int(v) % 4])};white" for v, p in pairs]
    header = "id/image;Camera ID;Time;Model;Type;Color"
    (two / "train_test_split/vehicle_info.txt").write_text("\n".join([header, *lines]) + "\n")
    (two / "train_test_split/train_list.txt").write_text("".join(f"{v}/{p}.jpg\n" for v, p in pairs[:12]))
    return root


def test_two_sets_of_vehicles_become_one(tmp_path: Path) -> None:
    root = make_vehicles(tmp_path / "vehicles")
    built = build_manifest(read_vehicles(root, root / "models.csv"), root / "manifest.csv")
    manifest = read_manifest(root)
    assert manifest.scales == ("vehicle", "model", "type")
    assert manifest.taxonomy.num_classes == (16, 7, 2)
    assert len(manifest.only("train")) == 24
    assert "the split is the source's own" in built.notes
    rows = manifest.only("test").taxonomy.names or ()
    assert rows[0][0] == "vehicle-id 4"
    assert rows[0][-1] == "veri-wild 00007"
    golf = (manifest.taxonomy.names or ())[1].index("Golf")
    golfs = [path for path, row in zip(manifest.paths, manifest.labels) if row[1] == golf]
    assert {path.split("/")[0] for path in golfs} == {"VehicleID_V1.0", "VERI-Wild"}
    assert all((root / path).is_file() for path in manifest.paths)


def test_both_sets_must_be_there(tmp_path: Path) -> None:
    root = make_vehicles(tmp_path / "vehicles")
    (root / "VERI-Wild/train_test_split/vehicle_info.txt").unlink()
    with pytest.raises(ManifestError, match="one of each; found 1 and 0"):
        read_vehicles(root, root / "models.csv")
    with pytest.raises(ManifestError, match="found 0 and 0"):
        read_vehicles(tmp_path / "gone", root / "models.csv")


def test_sources_are_joined_at_what_they_share(tmp_path: Path) -> None:
    one = source_of(tmp_path / "a", ["1.jpg"], [("x", "cup", "blue")], ("item", "kind", "colour"), ["train"])
    two = source_of(tmp_path / "b", ["1.jpg"], [("x", "kitchen", "cup")], ("item", "room", "kind"))
    joined = join_sources({"one": one, "two": two})
    assert joined.levels == ("item", "kind")
    assert joined.lineages == [("one x", "cup"), ("two x", "cup")]
    assert joined.paths == ["a/1.jpg", "b/1.jpg"]
    assert joined.split is None
    with pytest.raises(ManifestError, match="no source to join"):
        join_sources({})
    other = source_of(tmp_path, ["1.jpg"], [("x", "cup")], ("thing", "kind"))
    with pytest.raises(
        ManifestError, match="the finest one too: one has item, kind, colour; other has thing"
    ):
        join_sources({"one": one, "other": other})
    turned = source_of(tmp_path, ["1.jpg"], [("x", "blue", "cup")], ("item", "colour", "kind"))
    with pytest.raises(ManifestError, match="turned: its levels come in another order: item, colour, kind"):
        join_sources({"one": one, "turned": turned})


LEAVES = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"), st.sampled_from(["", "p", "q", "r"]), st.sampled_from(["", "x", "y"])
    ),
    min_size=2,
    max_size=10,
)


@settings(max_examples=40, deadline=None)
@given(leaves=LEAVES, share=st.floats(0.2, 0.8), seed=st.integers(0, 9))
def test_any_ragged_tree_becomes_an_open_set_manifest(
    leaves: list[tuple[str, str, str]], share: float, seed: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paths = [f"{k}.jpg" for k in range(2 * len(leaves))]
        touch(root, *paths)
        source = source_of(root, paths, [*leaves, *leaves], ("fine", "middle", "coarse"))
        try:
            built = build_manifest(
                source, root / "manifest.csv", scales=source.levels, test_share=share, seed=seed
            )
        except ManifestError as error:
            refused = str(error)
        else:
            refused = ""
        if len({leaf for leaf, *_ in leaves}) == 1 and refused:
            assert "cannot be split into 2 sides" in refused
            return
        assert not refused
        manifest = read_manifest(root, source.levels)
        assert len(manifest) == len(paths)
        train, test = (set((manifest.only(side).taxonomy.names or ((),))[0]) for side in ("train", "test"))
        assert train.isdisjoint(test)
        for side in side_counts(manifest):
            assert side.several == side.classes - side.single_fine
        assert built.manifest.taxonomy == manifest.taxonomy
