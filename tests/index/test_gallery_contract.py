"""Random writes and questions: every answer equals that of a plain list of items."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from oracle import Oracle, check_hits

from dyml.index import AddReport, Gallery, Item

SCALES = ("fine", "middle", "coarse")
DIM = 3
NAMES = st.sampled_from(
    [
        "a",
        "b",
        "c",
        "'; DROP TABLE items; --",
        'x" OR "1"="1',
        "../../etc/passwd",
        "é/ü.png",
        "%_*",
        "日本",
        "a'b",
        "0",
    ]
)
CLASSES = st.sampled_from(["p", "q", "r'", 'r"', "NULL", "1"])
VECTORS = (
    st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM)
    .filter(any)
    .map(lambda v: np.array(v, np.float32))
)
VALUES = st.one_of(
    st.sampled_from(["x", "y", "1", ""]), st.integers(-2, 2), st.sampled_from([0.5, -0.0, 2.0]), st.booleans()
)
METADATA = st.dictionaries(st.sampled_from(["price", "it's", "n"]), VALUES, max_size=2)
PIXELS = st.sampled_from([None, b"abc", b"\xff\xd8"])


@st.composite
def new_items(draw: st.DrawFn) -> Item:
    return Item(
        draw(NAMES),
        draw(VECTORS),
        draw(st.dictionaries(st.sampled_from(SCALES), CLASSES)),
        draw(METADATA),
        draw(st.sampled_from([None, "p/1.png"])),
        draw(PIXELS),
        draw(PIXELS),
    )


@st.composite
def filters(draw: st.DrawFn) -> dict[str, Any]:
    where: dict[str, Any] = {}
    for field in draw(
        st.lists(st.sampled_from(["id", *SCALES, "price", "it's", "n"]), max_size=2, unique=True)
    ):
        values = NAMES if field == "id" else CLASSES if field in SCALES else VALUES
        operator = draw(st.sampled_from(["", "eq", "ne", "lt", "le", "gt", "ge", "in", "not_in"]))
        if operator in ("in", "not_in"):
            where[field] = {operator: draw(st.lists(values, max_size=3))}
        else:
            value = draw(
                values if operator in ("", "eq", "ne") else values.filter(lambda v: not isinstance(v, bool))
            )
            where[field] = {operator: value} if operator else value
    return where


class Contract(RuleBasedStateMachine):
    """Writes and questions on a gallery and on the oracle."""

    flat_limit = 1_000_000

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.gallery = Gallery.create(self.folder / "g", DIM, SCALES, flat_limit=self.flat_limit)
        self.other = Gallery.open(self.folder / "g")
        self.oracle = Oracle()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule(items=st.lists(new_items(), max_size=8), batch=st.sampled_from([1, 3, 100]))
    def add(self, items: list[Item], batch: int) -> None:
        report = self.gallery.add(items, batch=batch)
        assert report.added + report.updated + report.unchanged == len(items)
        before = len(self.oracle.items)
        for start in range(0, len(items), batch):
            last = {item.id: item for item in items[start : start + batch]}
            for item in last.values():
                self.oracle.put(item)
        assert report.added == len(self.oracle.items) - before
        assert self.gallery.add(list(self.oracle.items.values())) == AddReport(
            unchanged=len(self.oracle.items)
        )

    @rule(names=st.lists(NAMES, max_size=4))
    def delete(self, names: list[str]) -> None:
        there = set(names) & set(self.oracle.items)
        assert self.gallery.delete(names) == len(there)
        for name in there:
            del self.oracle.items[name]

    @rule(
        name=NAMES,
        labels=st.none() | st.dictionaries(st.sampled_from(SCALES), CLASSES),
        metadata=st.none() | METADATA,
    )
    def update(self, name: str, labels: dict[str, str] | None, metadata: dict[str, Any] | None) -> None:
        old = self.oracle.items.get(name)
        if old is None:
            return
        self.gallery.update(name, labels, metadata)
        item = Item(
            name,
            old.vector,
            old.labels if labels is None else labels,
            old.metadata if metadata is None else metadata,
            old.picture,
            old.thumbnail,
            old.bytes,
        )
        self.oracle.put(item)

    @rule()
    def publish(self) -> None:
        self.gallery.engine.flush(force=True)  # type: ignore[call-arg]

    @rule()
    def optimize(self) -> None:
        self.gallery.optimize()

    @rule()
    def reopen(self) -> None:
        self.gallery.close()
        self.gallery = Gallery.open(self.folder / "g")

    @rule(query=VECTORS, k=st.integers(1, 14), where=filters(), exclude=st.lists(NAMES, max_size=2))
    def search(self, query: np.ndarray, k: int, where: dict[str, Any], exclude: list[str]) -> None:
        where = self.known(where)
        expected = self.oracle.similarities(query, where)
        expected = {name: value for name, value in expected.items() if name not in exclude}
        check_hits(self.gallery.search(query, k=k, where=where, exclude=exclude), expected, k, self.oracle)
        self.other.refresh()
        check_hits(self.other.search(query, k=k, where=where, exclude=exclude), expected, k, self.oracle)

    @rule(queries=st.lists(VECTORS, min_size=1, max_size=4), k=st.integers(1, 14), where=filters())
    def search_several(self, queries: list[np.ndarray], k: int, where: dict[str, Any]) -> None:
        where = self.known(where)
        lists = self.gallery.search(np.stack(queries), k=k, where=where)
        assert len(lists) == len(queries)
        for query, hits in zip(queries, lists):
            check_hits(hits, self.oracle.similarities(query, where), k, self.oracle)

    @rule(query=VECTORS, least=st.sampled_from([-1.0, -0.3, 0.1, 0.55, 0.93]), where=filters())
    def range(self, query: np.ndarray, least: float, where: dict[str, Any]) -> None:
        where = self.known(where)
        expected = self.oracle.similarities(query, where)
        # What lies within rounding of the threshold may fall on either side: take another one.
        if any(abs(value - least) < 1e-4 for value in expected.values()) and least > -1:
            return
        near = {name: value for name, value in expected.items() if value >= least - 1e-5}
        check_hits(self.gallery.range(query, min_similarity=least, where=where), near, None, self.oracle)

    @rule(query=VECTORS, scale=st.sampled_from(SCALES), k=st.integers(1, 4), per_class=st.integers(1, 3))
    def groups(self, query: np.ndarray, scale: str, k: int, per_class: int) -> None:
        found = self.gallery.groups(query, scale, k=k, per_class=per_class)
        by_class: dict[str, list[float]] = {}
        for name, value in self.oracle.similarities(query).items():
            label = self.oracle.items[name].labels.get(scale)
            if label is not None:
                by_class.setdefault(label, []).append(value)
        best = sorted((max(values) for values in by_class.values()), reverse=True)[:k]
        assert len({group.name for group in found}) == len(found)
        np.testing.assert_allclose([group.hits[0].similarity for group in found], best, atol=2e-5)
        for group in found:
            assert {hit.labels[scale] for hit in group.hits} == {group.name}
            own = sorted(by_class[group.name], reverse=True)[:per_class]
            np.testing.assert_allclose([hit.similarity for hit in group.hits], own, atol=2e-5)

    @rule(where=filters(), after=st.none() | NAMES, limit=st.none() | st.integers(0, 5))
    def items(self, where: dict[str, Any], after: str | None, limit: int | None) -> None:
        where = self.known(where)
        expected = sorted(
            (
                item.id
                for item in self.oracle.matching(where)
                if after is None or item.id.encode() > after.encode()
            ),
            key=str.encode,
        )
        assert [item.id for item in self.gallery.items(after, limit, where)] == expected[:limit]

    @rule(name=NAMES)
    def get(self, name: str) -> None:
        found, expected = self.gallery.get(name), self.oracle.items.get(name)
        if expected is None:
            assert found is None
            return
        assert found is not None
        assert found.vector is not None
        assert expected.vector is not None
        np.testing.assert_allclose(found.vector, expected.vector / np.linalg.norm(expected.vector), atol=1e-6)
        for field in ("labels", "metadata", "picture", "thumbnail", "bytes"):
            assert getattr(found, field) == getattr(expected, field), field

    @rule()
    def taxonomy(self) -> None:
        found = self.gallery.taxonomy()
        for m, scale in enumerate(SCALES):
            own = [item for item in self.oracle.items.values() if scale in item.labels]
            names = sorted({item.labels[scale] for item in own})
            assert [row.name for row in found[scale]] == names
            for row in found[scale]:
                mine = [item for item in own if item.labels[scale] == row.name]
                assert row.count == len(mine)
                above = [
                    item.labels[SCALES[m + 1]] for item in mine if m < 2 and SCALES[m + 1] in item.labels
                ]
                if above:
                    assert row.parent is not None
                    assert above.count(row.parent) == max(map(above.count, above))
                else:
                    assert row.parent is None

    @invariant()
    def counts(self) -> None:
        if hasattr(self, "gallery"):
            assert len(self.gallery) == len(self.oracle.items)

    def known(self, where: dict[str, Any]) -> dict[str, Any]:
        """Leave out fields that no item has, which are refused."""
        known = {"id", *SCALES, *(name for item in self.oracle.items.values() for name in item.metadata)}
        return {field: value for field, value in where.items() if field in known or not self.oracle.items}


FEW = settings(max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
TestContract = pytest.mark.timeout(280)(Contract.TestCase)
TestContract.settings = FEW


class Long(Contract):
    """The same, longer."""


class LongInvertedLists(Contract):
    """The same, with inverted lists from the first items on."""

    flat_limit = 4


TestLong = pytest.mark.soak(Long.TestCase)
TestLongInvertedLists = pytest.mark.soak(LongInvertedLists.TestCase)
TestLong.settings = TestLongInvertedLists.settings = settings(FEW, max_examples=150, stateful_step_count=40)
