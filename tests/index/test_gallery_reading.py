"""Probabilities, ranges at a scale, groups and explanations; inverted lists; threads; the map."""

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

from dyml.errors import InputError
from dyml.gauge import Gauge
from dyml.index import Gallery, Item

SCALES = ("fine", "middle", "coarse")


@pytest.fixture
def filled(tmp_path: Path, gauge: Gauge) -> Gallery:
    """A gallery of 300 items with the gauge, opened so that searches read it."""
    rng = np.random.default_rng(1)
    fine = np.arange(300) // 6
    vectors = rng.normal(size=(2, 4))[fine // 25] + 0.5 * rng.normal(size=(10, 4))[fine // 5]
    vectors += 0.3 * rng.normal(size=(50, 4))[fine] + 0.1 * rng.normal(size=(300, 4))
    gallery = Gallery.create(tmp_path / "g", 4, SCALES)
    labels = {
        "fine": [f"f{i}" for i in fine],
        "middle": [f"m{i // 5}" for i in fine],
        "coarse": [None if i < 6 else f"c{i // 25}" for i in fine],
    }
    gallery.add(ids=[f"i{i}" for i in range(300)], vectors=vectors, labels=labels)
    return Gallery.open(tmp_path / "g", gauge=gauge)


def test_hits_have_the_gauges_probabilities(filled: Gallery, gauge: Gauge) -> None:
    query = filled.get("i7").vector
    for hit in filled.search(query, k=20):
        assert list(hit.probabilities) == list(SCALES)
        np.testing.assert_allclose(list(hit.probabilities.values()), gauge.probability(hit.similarity))
    for hits in filled.search(np.stack([query, -query]), k=3):
        assert all(hit.probabilities is not None for hit in hits)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("chance", [0.0, 0.2, 0.5, 0.9])
def test_a_wanted_probability_cuts_where_the_gauge_says(
    filled: Gallery, gauge: Gauge, scale: str, chance: float
) -> None:
    query, m = filled.get("i7").vector, SCALES.index(scale)
    everything = filled.search(query, k=300)
    sure = [hit.id for hit in everything if gauge.probability(hit.similarity)[m] >= chance]
    assert [hit.id for hit in filled.search(query, k=300, scale=scale, min_probability=chance)] == sure
    assert [hit.id for hit in filled.range(query, scale=scale, min_probability=chance)] == sure
    assert [hit.id for hit in filled.search(query, k=3, scale=scale, min_probability=chance)] == sure[:3]
    if chance == 0.5:
        assert [hit.id for hit in filled.range(query, scale=scale)] == sure
    groups = filled.groups(query, "middle", k=300, per_class=300)
    assert sorted(hit.id for group in groups for hit in group.hits) == sorted(hit.id for hit in everything)


def test_the_stricter_of_probability_and_similarity_holds(filled: Gallery) -> None:
    query = filled.get("i7").vector
    sure = filled.range(query, scale="coarse", min_probability=0.5)
    some = filled.range(query, scale="coarse", min_probability=0.5, min_similarity=0.95)
    assert [hit.id for hit in some] == [hit.id for hit in sure if hit.similarity >= 0.95]
    assert 0 < len(some) < len(sure)


def test_what_nothing_is_as_sure_as(filled: Gallery, gauge: Gauge) -> None:
    top = float(gauge.probability(1.0)[0])
    if top < 1:
        assert filled.search(filled.get("i7").vector, scale="fine", min_probability=(1 + top) / 2) == []
    assert filled.search(-filled.get("i7").vector, scale="fine", min_probability=top) == []


@pytest.mark.parametrize("bad", [1.5, -0.1, float("nan"), True])
def test_no_probabilities(filled: Gallery, bad: float) -> None:
    with pytest.raises(InputError, match="min_probability must be from 0 to 1"):
        filled.search(np.ones(4), scale="fine", min_probability=bad)
    with pytest.raises(InputError, match="min_probability needs a scale to hold at: one of fine, middle"):
        filled.search(np.ones(4), min_probability=0.5)


def test_explanations(filled: Gallery, gauge: Gauge) -> None:
    query = filled.get("i7").vector
    everything = filled.search(query, k=300)
    for place in (0, 5, 299):
        told = filled.explain(query, everything[place].id)
        assert told.rank == place + 1
        assert told.hit.similarity == pytest.approx(everything[place].similarity, abs=1e-6)
        assert told.distance == pytest.approx(np.sqrt(2 - 2 * told.hit.similarity), abs=1e-3)
        reading = gauge.read(min(told.hit.similarity, 1.0))
        for one, row in zip(told.scales, reading.scales):
            assert (one.scale, one.same, one.threshold) == (row.scale, row.same, row.threshold)
            assert one.label == everything[place].labels.get(one.scale)
    bare = Gallery.open(filled.path).explain(query, "i0")
    assert [(one.probability, one.same) for one in bare.scales] == [(None, None)] * 3
    assert [one.label for one in bare.scales] == ["f0", "m0", None]


def test_inverted_lists_find_what_exact_search_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 16))
    own = rng.integers(0, 60, 4000)
    vectors = centres[own] + 0.6 * rng.normal(size=(4000, 16))
    labels = {"fine": [f"f{i}" for i in own]}
    names = [f"i{i}" for i in range(4000)]
    exact = Gallery.create(tmp_path / "exact", 16, ("fine",))
    lists = Gallery.create(tmp_path / "lists", 16, ("fine",), flat_limit=2000)
    for gallery in (exact, lists):
        gallery.add(ids=names, vectors=vectors, labels=labels, batch=1000)
    assert exact.engine.snapshot.published.part.index.fast is None
    assert lists.engine.snapshot.published.part.index.fast is not None
    queries = vectors[:64] + 0.1 * rng.normal(size=(64, 16))

    def compare(**more: object) -> float:
        pairs = zip(exact.search(queries, **more), lists.search(queries, **more))
        return float(np.mean([len({h.id for h in a} & {h.id for h in b}) / len(a) for a, b in pairs]))

    assert compare(k=10) > 0.99
    assert compare(k=1000) == 1  # many results: exact
    assert compare(k=10, where={"fine": "f7"}) == 1  # filters: exact, few rows or many
    assert compare(k=10, where={"fine": {"ne": "f7"}}) == 1
    for query in queries[:8]:
        a, b = exact.range(query, min_similarity=0.5), lists.range(query, min_similarity=0.5)
        assert [hit.id for hit in a] == [hit.id for hit in b]
    for gallery in (exact, lists):
        gallery.delete(names[:2500])
    assert compare(k=10) == 1
    assert lists.engine.snapshot.published.part.index.fast is None  # few enough again
    assert len(lists) == 1500


def test_few_changes_leave_the_index_and_many_write_it_anew(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gallery = Gallery.create(tmp_path / "g", 4, ("fine",))
    gallery.add(ids=[f"i{n}" for n in range(3000)], vectors=rng.normal(size=(3000, 4)))
    first = gallery.engine.snapshot.published
    assert len(first.part) == 3000
    gallery.add([Item("new", np.ones(4, np.float32))])
    gallery.delete(["i5"])
    snapshot = gallery.engine.snapshot
    assert snapshot.published is first
    assert len(snapshot.fresh) == 1
    assert gallery.search(np.ones(4), k=1)[0].id == "new"
    gallery.add(ids=[f"j{n}" for n in range(1500)], vectors=rng.normal(size=(1500, 4)))
    assert len(gallery.engine.snapshot.published.part) == 4500
    assert gallery.engine.snapshot.fresh is None
    assert len(list((tmp_path / "g" / "index").iterdir())) == 2  # the old one is gone


def test_a_disk_that_is_full_for_the_index_keeps_the_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import faiss

    gallery = Gallery.create(tmp_path / "g", 4, ("fine",))

    def full(*_: object) -> None:
        raise RuntimeError("Error in virtual size_t FileIOWriter: No space left on device")

    monkeypatch.setattr(faiss, "write_index", full)
    vectors = np.random.default_rng(0).normal(size=(2000, 4))
    with pytest.warns(UserWarning, match=r"the index was not written anew: cannot write .*full"):
        report = gallery.add(ids=[f"i{n}" for n in range(2000)], vectors=vectors)
    assert report.added == len(gallery) == 2000
    assert gallery.search(vectors[7], k=1)[0].id == "i7"
    assert not list((tmp_path / "g" / "index").glob("*"))


def test_threads_search_while_one_writes(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", 4, ("fine",))
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(400, 4)).astype(np.float32)
    gallery.add(ids=[f"i{n}" for n in range(200)], vectors=vectors[:200])
    wrong: list[object] = []
    done = threading.Event()

    def ask(seed: int) -> None:
        mine = np.random.default_rng(seed)
        while not done.is_set():
            n = int(mine.integers(200))
            hits = gallery.search(vectors[n], k=3)
            if hits[0].id != f"i{n}" or gallery.get(f"i{n}", payload=False) is None:
                wrong.append((n, hits))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for start in range(200, 400, 20):
            names = [f"i{n}" for n in range(start, start + 20)]
            gallery.add(ids=names, vectors=vectors[start : start + 20])
            if start % 60 == 20:
                gallery.engine.flush(force=True)
            gallery.delete(names[:3])
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(gallery) == 400 - 30


def test_the_map(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "g", 6, ("fine",))
    rng = np.random.default_rng(0)
    own = np.arange(80) // 20
    vectors = rng.normal(size=(4, 6))[own] + 0.1 * rng.normal(size=(80, 6))
    gallery.add(ids=[f"é{n}" for n in range(80)], vectors=vectors)
    ids, x, y = gallery.map_points()  # none is stored yet: principal axes
    assert ids == [f"é{n}" for n in range(80)]
    assert np.ptp(x) >= np.ptp(y) > 0
    assert gallery.build_map() == "t-SNE"
    ids, x, y = gallery.map_points()
    points = np.stack([x, y], axis=1)
    centres = np.stack([points[own == c].mean(axis=0) for c in range(4)])
    assert (np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1) == own).all()
    assert gallery.build_map() == "t-SNE"
    assert np.array_equal(gallery.map_points()[1], x)  # the same items, the same map
    gallery.delete(["é3"])
    assert gallery.map_points()[0] == [name for name in ids if name != "é3"]
    assert gallery.build_map(most=30, seed=1) == "t-SNE"
    assert len(gallery.map_points()[0]) == 30
    assert gallery.build_map(tsne=10) == "PCA"
    (tmp_path / "g" / "map.npz").write_bytes(b"PK")
    assert len(gallery.map_points()[0]) == 79
    for few in (1, 2, 5):
        small = Gallery.create(tmp_path / f"s{few}", 6, ("fine",))
        small.add(ids=[f"i{n}" for n in range(few)], vectors=vectors[:few])
        assert small.build_map() == "PCA"
        assert all(len(part) == few for part in small.map_points())
