"""Searches as users ask them, on top of what every engine can do."""

import math
from collections.abc import Iterable

import numpy as np

from dyml.errors import InputError
from dyml.index.checks import check_id
from dyml.index.engine import Found, GalleryEngine
from dyml.index.filters import Condition, Where
from dyml.index.items import Explanation, Floats, Group, Hit, Item
from dyml.index.ruler import Ruler


def nearest(
    engine: GalleryEngine,
    queries: Floats,
    k: int,
    where: Where,
    exclude: Iterable[str] | None,
    least: float | None,
) -> list[Found]:
    """Return the k most similar items of each query that are not excluded and similar enough."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(f"k must be a whole number from 1 on; got {k!r}")
    left_out = {check_id(name) for name in ([exclude] if isinstance(exclude, str) else exclude or ())}
    found = engine.search(queries, int(k) + len(left_out), where)
    if left_out:
        found = [_without(one, left_out, int(k)) for one in found]
    if least is not None:
        found = [_first(one, int((one.similarity >= least).sum())) for one in found]
    return found


def hits_of(found: Found, ruler: Ruler) -> list[Hit]:
    """Return what was found as hits, with the gauge's probabilities."""
    known = ruler.probabilities(found.similarity)
    chances = [None] * len(found.ids) if known is None else known
    rows = zip(found.ids, found.similarity.tolist(), found.labels, found.metadata, chances)
    return [Hit(*row) for row in rows]


def grouped(
    engine: GalleryEngine,
    query: Floats,
    scale: str,
    k: int,
    per_class: int,
    where: Where,
    exclude: Iterable[str] | None,
    least: float | None,
    ruler: Ruler,
) -> list[Group]:
    """Return the k classes with the best hits, each with its best.

    The first search mostly finds them all; classes and hits that it does not reach are asked for by
    themselves, so that the answer is complete.
    """
    if isinstance(per_class, bool) or not isinstance(per_class, (int, np.integer)) or per_class < 1:
        raise InputError(f"per_class must be a whole number from 1 on; got {per_class!r}")
    exclude = list(exclude or ())
    asked = (
        10 * int(k) * int(per_class) if not isinstance(k, bool) and isinstance(k, (int, np.integer)) else k
    )
    first = nearest(engine, query, asked, where, exclude, least)[0]
    exhausted = len(first.ids) < asked
    classes: dict[str, list[Hit]] = {}
    for hit in hits_of(first, ruler):
        name = hit.labels.get(scale)
        if name is not None and (name in classes or len(classes) < k):
            classes.setdefault(name, []).append(hit)
    while len(classes) < k and not exhausted:
        others = (*where, Condition(scale, "not_in", tuple(classes)))
        more = hits_of(nearest(engine, query, 1, others, exclude, least)[0], ruler)
        if not more:
            break
        classes[more[0].labels[scale]] = more
    groups = []
    for name, hits in classes.items():
        if len(hits) < per_class and not exhausted:
            own = (*where, Condition(scale, "eq", name))
            hits = hits_of(nearest(engine, query, int(per_class), own, exclude, least)[0], ruler)
        groups.append(Group(name, hits[:per_class]))
    return groups


def explained(engine: GalleryEngine, query: Floats, item: Item, ruler: Ruler) -> Explanation:
    """Read the similarity of a query and an item at every scale."""
    assert item.vector is not None
    similarity = float(np.clip(query @ item.vector, -1, 1))
    chances = ruler.probabilities(np.array([similarity]))
    hit = Hit(item.id, similarity, item.labels, item.metadata, chances[0] if chances else None)
    rank = engine.more_similar(query, similarity) + 1
    distance = math.sqrt(max(0.0, 2 - 2 * similarity))
    return Explanation(hit, rank, distance, ruler.explain(similarity, item.labels))


def _without(found: Found, left_out: set[str], k: int) -> Found:
    kept = [place for place, name in enumerate(found.ids) if name not in left_out][:k]
    return Found(
        [found.ids[place] for place in kept],
        found.similarity[kept],
        [found.labels[place] for place in kept],
        [found.metadata[place] for place in kept],
    )


def _first(found: Found, count: int) -> Found:
    return Found(found.ids[:count], found.similarity[:count], found.labels[:count], found.metadata[:count])
