"""Hits of the gallery as answers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.gauge import Gauge
from dyml.gauge.priors import EVEN
from dyml.index import Gallery, Group, Item
from dyml.serve.schemas import SearchOptions, plain_where

SAME = "p=0.5"


def group_body(group: Group) -> dict[str, Any]:
    """Return a group."""
    return {"name": group.name, "results": [hit.to_dict() for hit in group.hits]}


def find(
    gallery: Gallery, query: NDArray[np.float32], options: SearchOptions, item_id: str | None
) -> dict[str, Any]:
    """Search, grouped or not.

    Args:
        gallery: where.
        query: (D,).
        options: checked.
        item_id: the item that the query is; left out of the results.

    Returns:
        `results` and `groups`.
    """
    where, exclude = plain_where(options.where), None if item_id is None else [item_id]
    if options.group_by is None:
        hits = gallery.search(
            query,
            k=options.k,
            scale=options.scale,
            min_probability=options.min_probability,
            where=where,
            exclude=exclude,
        )
        return {"results": [hit.to_dict() for hit in hits], "groups": None}
    groups = gallery.groups(
        query, options.group_by, k=options.k, per_class=options.per_class or 1, where=where, exclude=exclude
    )
    best = sorted((hit for group in groups for hit in group.hits), key=lambda hit: -hit.similarity)
    return {"results": [hit.to_dict() for hit in best], "groups": [group_body(group) for group in groups]}


def item_body(item: Item) -> dict[str, Any]:
    """Return an item."""
    return {"id": item.id, "labels": item.labels, "metadata": item.metadata}


def even_gauge(gauge: Gauge | None) -> Gauge | None:
    """Return the gauge for pairs that a person picks: every number of shared scales is equally likely."""
    return None if gauge is None else gauge.with_prior(EVEN)


def comparison_body(similarity: float, gauge: Gauge | None, scales: tuple[str, ...]) -> dict[str, Any]:
    """Return what is said of two pictures.

    Args:
        similarity: their cosine.
        gauge: of the prior that is to hold; None: nothing but the similarity.
        scales: of the gallery, for answers without a gauge.
    """
    value = min(max(similarity, -1.0), 1.0)
    if gauge is None:
        nothing = {"probability": None, "same": None, "threshold": None}
        return {"similarity": value, "scales": [{"name": scale, **nothing} for scale in scales]}
    rows = [
        {"name": row.scale, "probability": row.probability, "same": row.same, "threshold": row.threshold}
        for row in gauge.read(value, SAME).scales
    ]
    return {"similarity": value, "scales": rows}
