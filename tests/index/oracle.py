"""A gallery as plain Python: what every engine's answers are held against."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dyml.index import Hit, Item

COMPARE = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}
TOLERANCE = 2e-5


@dataclass
class Oracle:
    """Items in the order in which they were written last."""

    items: dict[str, Item] = field(default_factory=dict)

    def put(self, item: Item) -> str:
        """Write an item; say what it was: added, updated or unchanged."""
        old = self.items.get(item.id)
        if old is not None and same(old, item):
            return "unchanged"
        self.items.pop(item.id, None)
        self.items[item.id] = item
        return "added" if old is None else "updated"

    def matching(self, where: dict[str, Any] | None) -> list[Item]:
        """Return the items that fulfil a filter."""
        return [item for item in self.items.values() if fulfils(item, where or {})]

    def similarities(self, query: np.ndarray, where: dict[str, Any] | None = None) -> dict[str, float]:
        """Return the cosine of every item that fulfils a filter, in float64."""
        return {item.id: cosine(query, item.vector) for item in self.matching(where)}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine in float64."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def same(a: Item, b: Item) -> bool:
    """Compare what a user can see."""
    plain = (a.labels, a.metadata, a.picture, a.thumbnail, a.bytes)
    return plain == (b.labels, b.metadata, b.picture, b.thumbnail, b.bytes) and np.allclose(
        a.vector / np.linalg.norm(a.vector), b.vector / np.linalg.norm(b.vector), atol=1e-7
    )


def fulfils(item: Item, where: dict[str, Any]) -> bool:
    """Evaluate a filter value by value."""
    values = {"id": item.id, **item.labels, **item.metadata}
    for name, wanted in where.items():
        if name not in values:
            return False
        for operator, value in (wanted if isinstance(wanted, dict) else {"eq": wanted}).items():
            if not holds(values[name], operator, value):
                return False
    return True


def holds(value: Any, operator: str, wanted: Any) -> bool:
    """Evaluate one condition; kinds (text, number, truth) never mix."""
    if operator in ("in", "not_in"):
        return any(kind(value) == kind(one) and value == one for one in wanted) == (operator == "in")
    if kind(value) != kind(wanted):
        return operator == "ne"
    return bool(COMPARE[operator](value, wanted))


def kind(value: Any) -> str:
    """Return text, truth or number."""
    return "text" if isinstance(value, str) else "truth" if isinstance(value, bool) else "number"


def check_hits(hits: list[Hit], expected: dict[str, float], k: int | None, oracle: Oracle) -> None:
    """Hold hits against all similarities: the best k, in order, with their own labels and metadata."""
    values = sorted(expected.values(), reverse=True)
    wanted = values if k is None else values[:k]
    assert len(hits) == len(wanted)
    assert len({hit.id for hit in hits}) == len(hits)
    np.testing.assert_allclose([hit.similarity for hit in hits], wanted, atol=TOLERANCE)
    found = [hit.similarity for hit in hits]
    assert found == sorted(found, reverse=True)
    for hit in hits:
        assert hit.similarity == np.float32(hit.similarity)
        assert abs(hit.similarity - expected[hit.id]) < TOLERANCE
        assert hit.labels == oracle.items[hit.id].labels
        assert hit.metadata == oracle.items[hit.id].metadata
