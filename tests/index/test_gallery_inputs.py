"""What a gallery refuses, in words that name the item; and its edges: nothing, one, more than there is."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dyml.errors import InputError, RunError, TaxonomyError
from dyml.index import AddReport, Gallery, Item, OtherModelError

ONE = np.array([1.0, 0, 0, 0], np.float32)
NASTY = [
    "'; DROP TABLE items; --",
    'a" OR 1=1',
    "../../etc/passwd",
    "..",
    "id IN (SELECT 1)",
    "\u202e",
    "`x`",
    "%",
    "*",
]


def item(name: object = "a", vector: object = ONE, labels: object = None, metadata: object = None) -> Item:
    return Item(name, vector, labels or {}, metadata or {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (item(""), "1 to 255 characters"),
        (item("x" * 256), "1 to 255 characters; 'xxxxx.* has 256"),
        (item("a\nb"), "control characters"),
        (item("a\x00b"), "control characters"),
        (item("\ud800"), "no text"),
        (item(7), "an id must be text; got 7"),
        (item(vector=None), "its vector must be .4,."),
        (item(vector=np.ones(3)), r"'a': its vector must be .4,., as the gallery's; got .3,."),
        (item(vector=np.ones((1, 4))), r"got .1, 4."),
        (item(vector=np.array([1, np.nan, 0, 0])), "'a' holds NaN, infinity or huge"),
        (item(vector=np.array([1, np.inf, 0, 0])), "'a' holds NaN, infinity"),
        (item(vector=np.zeros(4)), "'a' has length 0"),
        (item(labels={"mdidle": "x"}), "no scale 'mdidle'.*Did you mean 'middle'"),
        (item(labels={"middle": 3}), "'a': the class at scale 'middle' must be text; got 3"),
        (item(labels={"middle": ""}), "1 to 1000 characters"),
        (item(labels={"middle": "a\tb"}), "control characters"),
        (item(metadata={"middle": 1}), "'middle' is no name for metadata"),
        (item(metadata={"id": 1}), "'id' is no name for metadata"),
        (item(metadata={"x": None}), "metadata 'x' must be text"),
        (item(metadata={"x": float("nan")}), "finite number"),
        (item(metadata={"x": [1]}), "got .1. .list."),
        (item(metadata={"x": 2**63}), "too large"),
        (item(metadata={"": 1}), "metadata name must be text of 1 to 100"),
    ],
)
def test_items_that_are_refused(make, bad: Item, text: str) -> None:
    gallery = make()
    with pytest.raises(InputError, match=text):
        gallery.add([item("good"), bad])
    assert len(gallery) == 0  # nothing of the batch is stored


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"ids": ["a"]}, "needs items, or ids and vectors"),
        ({"ids": ["a"], "vectors": np.ones((2, 4))}, "1 ids and 2 rows of vectors"),
        (
            {"ids": ["a"], "vectors": np.ones((1, 3))},
            r"must be .N, 4.: the gallery has 4 numbers; got .1, 3.",
        ),
        ({"ids": ["a", "b\n"], "vectors": np.ones((2, 4))}, "'b.n' holds control"),
        ({"ids": ["a", 3], "vectors": np.ones((2, 4))}, "an id must be text; got 3"),
        ({"ids": [b"a"], "vectors": np.ones((1, 4))}, "an id must be text"),
        ({"ids": ["a", None], "vectors": np.ones((2, 4))}, "an id must be text; got None"),
        ({"ids": ["a", "b"], "vectors": [[1, 0, 0, 0], [np.nan] * 4]}, "'b' holds NaN"),
        ({"ids": ["a"], "vectors": np.ones((1, 4)), "labels": {"fine": ["x", "y"]}}, "2 rows of fine"),
        ({"ids": ["a"], "vectors": np.ones((1, 4)), "labels": {"fines": ["x"]}}, "no scale 'fines'"),
        (
            {"ids": ["a"], "vectors": np.ones((1, 4)), "labels": {"fine": [3]}},
            "'a': the class at scale 'fine'",
        ),
        ({"ids": ["a"], "vectors": np.ones((1, 4)), "metadata": [{"x": ()}]}, "'a': metadata 'x'"),
    ],
)
def test_columns_that_are_refused(make, columns: dict, text: str) -> None:
    gallery = make()
    with pytest.raises(InputError, match=text):
        gallery.add(**columns)
    with pytest.raises(InputError, match="not both"):
        gallery.add([item()], **columns)
    assert len(gallery) == 0


def test_columns_and_items_come_to_the_same(make) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4))
    names = np.array([f"n{i % 25}" for i in range(30)])
    fine = [None if i % 3 == 0 else f"f{i}" for i in range(30)]
    metadata = [{"i": i} for i in range(30)]
    one, two = make("one"), make("two")
    first = one.add(ids=names, vectors=vectors, labels={"fine": fine}, metadata=metadata, batch=100)
    items = [
        Item(str(n), v.astype(np.float32), {"fine": f} if f else {}, m)
        for n, v, f, m in zip(names, vectors, fine, metadata)
    ]
    assert first == two.add(items, batch=100) == AddReport(added=25, updated=5)
    for a, b in zip(one.items(), two.items()):
        assert (a.id, a.labels, a.metadata) == (b.id, b.labels, b.metadata)
        np.testing.assert_allclose(a.vector, b.vector, atol=1e-6)
    assert one.get("n0").metadata == {"i": 25}  # the last of a repeated id stays
    assert one.add(ids=names, vectors=vectors, labels={"fine": fine}, metadata=metadata).unchanged == 25


def test_an_empty_gallery(make) -> None:
    gallery = make()
    assert gallery.search(ONE) == []
    assert gallery.search(np.eye(4), where={"anything": 1}) == [[], [], [], []]
    assert gallery.range(ONE, min_similarity=-1) == []
    assert gallery.groups(ONE, "fine") == []
    assert list(gallery.items()) == []
    assert gallery.taxonomy() == {"fine": [], "middle": [], "coarse": []}
    assert gallery.delete(["a"]) == 0
    assert gallery.get("a") is None
    assert gallery.add([]) == AddReport()
    assert [len(part) for part in gallery.map_points()] == [0, 0, 0]
    gallery.optimize()
    gallery.engine.flush(force=True)
    assert len(gallery) == 0


def test_k_beyond_what_there_is(make) -> None:
    gallery = make()
    gallery.add([item("a"), item("b", -ONE)])
    hits = gallery.search(ONE, k=1000)
    assert [(hit.id, hit.similarity) for hit in hits] == [("a", 1.0), ("b", -1.0)]
    assert [hit.id for hit in gallery.search(ONE, k=5, exclude=["a", "nobody"])] == ["b"]
    assert [hit.id for hit in gallery.search(ONE, k=5, exclude="a")] == ["b"]
    assert gallery.search(ONE, k=5, where={"id": {"in": []}}) == []


def test_equal_items_come_in_the_order_of_adding(make) -> None:
    gallery = make()
    gallery.add([item(f"i{n}") for n in range(50)], batch=7)
    for _ in range(2):
        assert [hit.id for hit in gallery.search(ONE, k=20)] == [f"i{n}" for n in range(20)]
        gallery.engine.flush(force=True)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda g: g.search(np.ones(3)), "the query must be"),
        (lambda g: g.search(np.ones((2, 2, 4))), "a query must be a vector"),
        (lambda g: g.search([1, np.nan, 0, 0]), "the query: row 0 holds NaN"),
        (lambda g: g.search("abcd"), "a query must be a vector"),
        (lambda g: g.search(ONE, k=0), "k must be a whole number from 1"),
        (lambda g: g.search(ONE, k=2.5), "k must be a whole number"),
        (lambda g: g.search(ONE, scale="fin"), "no scale 'fin'.*Did you mean 'fine'"),
        (
            lambda g: g.search(ONE, scale="fine", min_probability=0.5),
            "min_probability needs a gauge: the gallery names",
        ),
        (lambda g: g.range(ONE, scale="fine"), "min_probability needs a gauge"),
        (lambda g: g.range(ONE), "range needs a scale"),
        (lambda g: g.range(np.eye(4), min_similarity=0), "range takes one query"),
        (lambda g: g.range(ONE, min_similarity=2), "must be a cosine"),
        (lambda g: g.groups(ONE, "fines"), "no scale 'fines'"),
        (lambda g: g.groups(ONE, "fine", k=0), "k must be"),
        (lambda g: g.groups(ONE, "fine", per_class=0), "per_class must be"),
        (lambda g: g.explain(ONE, "nobody"), "no item 'nobody'"),
        (lambda g: g.update("nobody", labels={}), "no item 'nobody'"),
        (lambda g: g.update("a", labels={"x": "y"}), "no scale 'x'"),
        (lambda g: g.items(limit=-1), "limit must be"),
        (lambda g: g.add([], batch=0), "batch must be"),
        (lambda g: g.search(ONE, where=[]), "a filter must be a mapping"),
        (lambda g: g.search(ONE, where={"fine": {}}), "says nothing"),
        (lambda g: g.search(ONE, where={"fine": {"like": "a"}}), "no operator 'like'"),
        (lambda g: g.search(ONE, where={"fine": {"in": "ab"}}), "in needs a list"),
        (lambda g: g.search(ONE, where={"fine": None}), "needs text, a number"),
        (lambda g: g.search(ONE, where={"n": {"lt": True}}), "no order"),
        (lambda g: g.search(ONE, where={"colur": "red"}), "no item has 'colur'.*Did you mean 'colour'"),
        (lambda g: g.search(ONE, where={"1=1; DROP TABLE items": 1}), "no item has"),
        (lambda g: g.search(ONE, where={3: 1}), "field must be text"),
    ],
)
def test_questions_that_are_refused(make, call, text: str) -> None:
    gallery = make()
    gallery.add([item("a", metadata={"colour": "red", "n": 1})])
    with pytest.raises(InputError, match=text):
        call(gallery)


def test_text_from_outside_is_text_and_nothing_else(make) -> None:
    gallery = make()
    rng = np.random.default_rng(0)
    items = [Item(name, rng.normal(size=4), {"fine": name}, {"note": name}) for name in NASTY]
    gallery.add(items)
    gallery.add([item("plain", metadata={"note": "x"})])
    for one in items:
        assert gallery.get(one.id).id == one.id
        for field in ("id", "fine", "note"):
            assert [hit.id for hit in gallery.search(ONE, where={field: one.id})] == [one.id]
        assert gallery.update(one.id, metadata={"note": one.id + one.id}).metadata["note"] == one.id * 2
    for number, one in enumerate(items):
        assert gallery.delete([one.id, f"{one.id}' OR '1'='1"]) == 1
        assert len(gallery) == len(items) - number
    assert [one.id for one in gallery.items()] == ["plain"]


def test_folders_that_are_no_galleries(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no gallery in .*nothing.*dyml index MODEL PICTURES"):
        Gallery.open(tmp_path / "nothing")
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="no gallery in"):
        Gallery.open(tmp_path / "file")
    with pytest.raises(RunError, match="cannot make the gallery"):
        Gallery.create(tmp_path / "file", 4, ("fine",))
    with pytest.raises(RunError, match=r"not empty and no gallery .it holds file."):
        Gallery.create(tmp_path, 4, ("fine",))
    Gallery.create(tmp_path / "g", 4, ("fine",)).close()
    with pytest.raises(RunError, match="there is a gallery in"):
        Gallery.create(tmp_path / "g", 4, ("fine",))
    settings = json.loads((tmp_path / "g" / "gallery.json").read_text())
    (tmp_path / "g" / "gallery.json").write_text(json.dumps(settings | {"format": 2}))
    with pytest.raises(RunError, match="damaged, or of a newer dyml: format"):
        Gallery.open(tmp_path / "g")
    (tmp_path / "g" / "gallery.json").write_text("{")
    with pytest.raises(RunError, match="damaged, or of a newer dyml"):
        Gallery.open(tmp_path / "g")
    # What a stopped try left behind is no gallery yet, and is replaced.
    (tmp_path / "g" / "gallery.json").unlink()
    assert len(Gallery.create(tmp_path / "g", 5, ("fine",))) == 0


@pytest.mark.parametrize(
    ("dim", "scales", "error", "text"),
    [
        (0, ("fine",), InputError, "dim must be"),
        (True, ("fine",), InputError, "dim must be"),
        (4.0, ("fine",), InputError, "dim must be"),
        (10**6, ("fine",), InputError, "dim must be"),
        (4, (), TaxonomyError, "scales must be"),
        (4, ("a", "a"), TaxonomyError, "distinct"),
        (4, "fine", TaxonomyError, "list of names"),
        (4, ("id",), InputError, "may not be named 'id'"),
    ],
)
def test_shapes_that_are_refused(tmp_path: Path, dim, scales, error, text: str) -> None:
    with pytest.raises(error, match=text):
        Gallery.create(tmp_path / "g", dim, scales)
    assert not (tmp_path / "g").exists()


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    gallery = Gallery.create(folder, 4, ("fine",))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4))
    gallery.add(ids=[f"i{n}" for n in range(50)], vectors=vectors)
    gallery.engine.flush(force=True)
    expected = [hit.id for hit in gallery.search(vectors[0], k=5)]
    whole = tmp_path / "whole"
    shutil.copytree(folder / "index", whole)
    gallery.close()

    def damaged() -> list[str]:
        return [hit.id for hit in Gallery.open(folder).search(vectors[0], k=5)]

    (folder / "index" / "current.json").write_text("not json")
    assert damaged() == expected
    for name in ("vectors.faiss", "columns.arrow"):
        shutil.rmtree(folder / "index")
        shutil.copytree(whole, folder / "index")
        file = next((folder / "index").glob(f"*/{name}"))
        file.write_bytes(file.read_bytes()[:40])
        assert damaged() == expected
    shutil.rmtree(folder / "index")
    assert damaged() == expected
    # An index of other rows, newer than these, is not believed.
    shutil.copytree(whole, folder / "index")
    current = json.loads((folder / "index" / "current.json").read_text())
    (folder / "index" / "current.json").write_text(json.dumps(current | {"version": 10**6}))
    assert damaged() == expected
    again = Gallery.open(folder)
    again.engine.flush(force=True)
    assert [hit.id for hit in again.search(vectors[0], k=5)] == expected
    assert len(list((folder / "index").iterdir())) == 2


def test_missing_engines_are_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dyml import imports

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(imports, "import_module", missing)
    with pytest.raises(RunError, match=r'^galleries need lancedb: pip install "dyml\[index\]"$'):
        Gallery.create(tmp_path / "g", 4, ("fine",))


def test_importing_a_gallery_loads_no_engine() -> None:
    import subprocess
    import sys

    heavy = "'lancedb', 'faiss', 'torch', 'sklearn'"
    code = f"import sys, dyml.index; print([n for n in ({heavy}) if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_model_is_refused(tmp_path: Path) -> None:
    from dyml.models import Embedder

    embedders = [
        Embedder("dyml_small", dim=4, channels=1, image_size=16, backbone_args={"width": 4}) for _ in "ab"
    ]
    for name, embedder in zip("ab", embedders):
        embedder.save_pretrained(tmp_path / name)
    gallery = Gallery.create(tmp_path / "g", 4, ("fine",), model=tmp_path / "a")
    assert gallery.info.model_folder == str(tmp_path / "a")
    assert Gallery.open(tmp_path / "g", model=tmp_path / "a").info.model == gallery.info.model
    assert Gallery.open(tmp_path / "g", model=embedders[0]).gauge is None
    for other in (tmp_path / "b", embedders[1]):
        with pytest.raises(OtherModelError, match="was made with another model: its weights have the digest"):
            Gallery.open(tmp_path / "g", model=other)
    with pytest.raises(RunError, match="no model in"):
        Gallery.open(tmp_path / "g", model=tmp_path / "c")


def test_a_gallery_of_nothing_is_opened_again(tmp_path: Path) -> None:
    with Gallery.create(tmp_path / "g", dim=2, scales=("fine",)) as gallery:
        gallery.add([Item("a", np.array([1, 0], np.float32), {}, {}, None, None, None)])
        gallery.optimize()
        gallery.delete(["a"])
        gallery.optimize()
    with Gallery.open(tmp_path / "g") as gallery:
        assert len(gallery) == 0
        assert gallery.search(np.array([1, 0], np.float32)) == []
