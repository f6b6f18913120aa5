"""Results of a search as text and as plain values."""

from collections.abc import Sequence
from typing import Any

from dyml.gauge.tables import aligned
from dyml.index.items import Group, Hit
from dyml.index.searching import Searches


def hits_text(hits: Sequence[Hit], gallery: Searches, scale: str | None) -> str:
    """Return hits as a table: similarity, probabilities (of one scale, or of all), classes, id."""
    if not hits:
        return "Nothing was found."
    rows = [_head(gallery, scale, "")]
    rows += [_row(hit, gallery, scale, str(rank)) for rank, hit in enumerate(hits, 1)]
    return aligned(rows)


def groups_text(groups: Sequence[Group], gallery: Searches, scale: str | None) -> str:
    """Return groups as a table, the class before its first hit."""
    if not groups:
        return "Nothing was found."
    rows = [_head(gallery, scale, scale or "")]
    for group in groups:
        rows += [
            _row(hit, gallery, scale, group.name if place == 0 else "")
            for place, hit in enumerate(group.hits)
        ]
    return aligned(rows)


def results_value(query: str, groups: Sequence[Group], grouped: bool) -> dict[str, Any]:
    """Return results as plain values for JSON."""
    if grouped:
        return {
            "query": query,
            "groups": [
                {"class": group.name, "results": [hit.to_dict() for hit in group.hits]} for group in groups
            ],
        }
    return {"query": query, "results": [hit.to_dict() for hit in groups[0].hits]}


def _shown_scales(gallery: Searches, scale: str | None) -> list[str]:
    if gallery.gauge is None:
        return []
    return [name for name in gallery.gauge.scales if scale in (None, name)]


def _head(gallery: Searches, scale: str | None, first: str) -> list[str]:
    chances = [f"{name} %" for name in _shown_scales(gallery, scale)]
    return [first, "similarity", *chances, *gallery.scales, "id"]


def _row(hit: Hit, gallery: Searches, scale: str | None, first: str) -> list[str]:
    chances = hit.probabilities or {}
    values = [f"{100 * chances[name]:.1f}" for name in _shown_scales(gallery, scale)]
    classes = [hit.labels.get(name, "–") for name in gallery.scales]
    return [first, f"{hit.similarity:.3f}", *values, *classes, hit.id]
