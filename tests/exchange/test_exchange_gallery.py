"""A gallery's faiss index finds what the gallery finds; its tables and samples hold what it holds."""

import json
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dyml.errors import ConfigError, InputError
from dyml.exchange import (
    faiss_index,
    fiftyone_samples,
    gallery_table,
    hits_table,
    queries_table,
    write_faiss,
    write_fiftyone,
)
from dyml.index import Gallery, Item
from dyml.metrics import Result, evaluate


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_the_index_finds_what_the_gallery_finds(gallery: Gallery, kind: str, tmp_path: Path) -> None:
    write_faiss(gallery, tmp_path / "out", kind)  # type: ignore[arg-type]
    index = faiss.read_index(str(tmp_path / "out" / "index.faiss"))
    ids = json.loads((tmp_path / "out" / "ids.json").read_text())
    query = np.random.default_rng(1).standard_normal((1, 12)).astype(np.float32)
    query /= np.linalg.norm(query)
    similarity, rows = index.search(query, 4)
    hits = gallery.search(query[0], k=4)
    assert [ids[row] for row in rows[0]] == [hit.id for hit in hits]
    np.testing.assert_allclose(similarity[0], [hit.similarity for hit in hits], atol=1e-5)


def test_a_part_of_the_gallery(gallery: Gallery) -> None:
    index, ids = faiss_index(gallery, where={"coarse": "x"})
    assert (index.ntotal, ids) == (2, ["4.png", "5.png"])
    with pytest.raises(InputError, match="fulfil `where`"):
        faiss_index(gallery, where={"fine": "none"})
    with pytest.raises(ConfigError, match="Did you mean 'flat'"):
        faiss_index(gallery, "flatt")  # type: ignore[arg-type]


def test_a_gallery_as_a_table_comes_back_from_parquet(gallery: Gallery, tmp_path: Path) -> None:
    table = gallery_table(gallery)
    assert table.column_names == ["id", "picture", "fine", "coarse", "metadata", "vector"]
    pq.write_table(table, tmp_path / "gallery.parquet")
    again = pq.read_table(tmp_path / "gallery.parquet")
    assert again.column("fine").to_pylist() == ["a", "a", "b", "b", "c", "c"]
    assert again.column("metadata").to_pylist()[:2] == ['{"price": 3}', None]
    vectors = np.array(again.column("vector").to_pylist(), np.float32)
    np.testing.assert_array_equal(vectors, np.stack([item.vector for item in gallery.items()]))
    assert "vector" not in gallery_table(gallery, vectors=False).column_names
    assert gallery_table(gallery, where={"fine": "none"}).num_rows == 0


def test_hits_as_a_table(gallery: Gallery) -> None:
    vectors = np.stack([item.vector for item in gallery.items()])
    table = hits_table(gallery.search(vectors[:2], k=3), gallery.scales)
    assert table.column("query").to_pylist() == [0, 0, 0, 1, 1, 1]
    assert table.column("rank").to_pylist() == [1, 2, 3] * 2
    assert [table.column("id")[row].as_py() for row in (0, 3)] == ["0.png", "1.png"]
    single = hits_table(gallery.search(vectors[4], k=1), gallery.scales)
    assert single.select(["id", "fine", "coarse"]).to_pylist() == [
        {"id": "4.png", "fine": "c", "coarse": "x"}
    ]
    empty = hits_table([], gallery.scales)
    assert (empty.num_rows, empty.schema.field("rank").type) == (0, pa.int64())


def test_a_result_as_tables() -> None:
    rng = np.random.default_rng(0)
    labels = np.stack([np.arange(12) // 2, np.arange(12) // 4], axis=1)
    labels[0, 0] = 9  # two queries without another of their class
    result = evaluate(rng.standard_normal((12, 4)), labels, scales=("fine", "coarse"), keep=True)
    table = result.to_arrow()
    rows = {(row["scale"], row["measure"]): row["value"] for row in table.to_pylist()}
    assert rows["fine", "mAP"] == result.by_scale["fine"]["mAP"]
    assert rows["overall", "ASI"] == result.overall["ASI"]
    assert rows["fine", "queries"] == 10
    assert len(rows) == table.num_rows == len(result.to_csv().splitlines()) - 1
    extents = result.intervals(draws=100)
    wide = {(r["scale"], r["measure"]): (r["low"], r["high"]) for r in result.to_arrow(extents).to_pylist()}
    assert wide["coarse", "mAP"] == tuple(extents["coarse"]["mAP"])
    assert wide["fine", "queries"] == (None, None)
    queries = queries_table(result).to_pylist()
    fine = [row for row in queries if row["scale"] == "fine"]
    assert [row["mAP"] is None for row in fine] == [True, True] + [False] * 10
    assert [row["class"] for row in fine] == labels[:, 0].tolist()
    assert np.mean([r["mAP"] for r in fine[2:]]) == pytest.approx(result.by_scale["fine"]["mAP"])
    assert len([row for row in queries if row["scale"] == "multi" and row["H-AP"] is not None]) == 12
    with pytest.raises(InputError, match="keep=True"):
        queries_table(Result.from_dict(result.to_dict()))


def test_samples_for_fiftyone(gallery: Gallery, pictures: list[Path], tmp_path: Path) -> None:
    file = write_fiftyone(gallery, tmp_path / "samples.json", name="six")
    value = json.loads(file.read_text())
    assert (value["name"], value["media_type"], value["num_samples"]) == ("six", "image", 6)
    first = value["samples"][0]
    assert Path(first["filepath"]).samefile(pictures[0])
    assert first["fine"] == {"_cls": "Classification", "label": "a"}
    assert (first["dyml_id"], first["dyml_metadata"], first["tags"]) == ("0.png", {"price": 3}, [])
    np.testing.assert_allclose(first["embedding"], gallery.get("0.png").vector, atol=1e-6)  # type: ignore[union-attr, arg-type]
    bare = next(iter(fiftyone_samples(gallery, embeddings=False, where={"fine": "c"})))
    assert (bare["dyml_id"], "embedding" in bare) == ("4.png", False)


def test_a_sample_needs_a_file_and_a_free_name(tmp_path: Path) -> None:
    made = Gallery.create(tmp_path / "g", 2, ("tags",))
    made.add([Item("one", np.ones(2, np.float32), {"tags": "t"}, picture="a.png")])
    assert next(fiftyone_samples(made))["tags_class"] == {"_cls": "Classification", "label": "t"}
    made.add([Item("two", np.ones(2, np.float32))])
    with pytest.raises(InputError, match="'two' has no picture"):
        write_fiftyone(made, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
