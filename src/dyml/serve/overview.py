"""The gallery as a whole: scales, taxonomy and map, made once for every version of it."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from pydantic_core import to_json

from dyml.gauge import Gauge
from dyml.index import Gallery
from dyml.index.map import NAME as MAP
from dyml.serve.etags import etag_of
from dyml.serve.limits import Limits

CURVE = np.linspace(-1.0, 1.0, 401)


class Made(NamedTuple):
    """An answer that is kept.

    Attributes:
        body: JSON.
        etag: of the body.
    """

    body: bytes
    etag: str


class Overview:
    """Answers that depend on the gallery's version alone.

    Its functions block, and may be called from several threads.
    """

    def __init__(self, gallery: Gallery, limits: Limits) -> None:
        self._gallery, self._limits = gallery, limits
        self._kept: dict[str, tuple[tuple[int, float], Made]] = {}
        self._lock = threading.Lock()
        self.info = gallery.info

    def look(self) -> None:
        """See whether another process has changed the gallery."""
        self._gallery.refresh()
        self.info = self._gallery.info

    def scales(self) -> Made:
        """Return the gauge."""
        return self._of_version("scales", lambda: scales_body(self._gallery.gauge, self.info))

    def taxonomy(self) -> Made:
        """Return the classes."""
        return self._of_version("taxonomy", lambda: taxonomy_body(self._gallery))

    def map(self) -> Made:
        """Return the map."""
        try:  # a map that is drawn anew leaves the items' version as it is
            drawn = (self._gallery.path / MAP).stat().st_mtime
        except OSError:
            drawn = 0.0
        return self._of_version("map", lambda: map_body(self._gallery, self._limits.map_points), drawn)

    def _of_version(self, name: str, make: Callable[[], dict[str, Any]], more: float = 0.0) -> Made:
        version = (self.info.version, more)
        with self._lock:  # one thread makes it, others wait for that
            kept = self._kept.get(name)
            if kept is None or kept[0] != version:
                body = to_json(make())
                kept = self._kept[name] = (version, Made(body, etag_of(body)))
        return kept[1]


def scales_body(gauge: Gauge | None, info: Any) -> dict[str, Any]:
    """Return what /v1/scales says.

    Args:
        gauge: the model's, or None.
        info: the gallery's.
    """
    rows: list[dict[str, Any]] = [
        {"name": scale, "threshold": None, "eer": None, "curve": None} for scale in info.scales
    ]
    if gauge is not None:
        chances = gauge.probability(CURVE)
        similarity = np.round(CURVE, 6).tolist()
        for m, scale in enumerate(gauge.scales):
            # The mark is where the same is likelier than not, as in comparisons. At equal error rates most
            # results would still be wrong: pairs of the same fine class are rare.
            mark, even, curve = (
                gauge.mark(scale, "p=0.5"),
                gauge.mark(scale),
                np.round(chances[:, m], 6).tolist(),
            )
            row = {
                "name": scale,
                "threshold": None if mark is None else mark.similarity.value,
                "eer": None if even is None else even.eer,
                "curve": {"similarity": similarity, "probability": curve},
            }
            if scale in info.scales:
                rows[info.scales.index(scale)] = row
    decibels = None if gauge is None else gauge.range.decibels
    return {
        "scales": rows,
        "dynamic_range_db": None if decibels is None else decibels.value,
        "resolved": None if gauge is None else gauge.range.resolved,
        "model": info.model,
        "count": info.count,
    }


def taxonomy_body(gallery: Gallery) -> dict[str, Any]:
    """Return what /v1/taxonomy says."""
    classes = {
        scale: [{"name": one.name, "parent": one.parent, "count": one.count} for one in rows]
        for scale, rows in gallery.taxonomy().items()
    }
    return {"scales": list(gallery.scales), "classes": classes}


def map_body(gallery: Gallery, most: int) -> dict[str, Any]:
    """Return what /v1/map says.

    Args:
        gallery: whose projection was made when it was indexed; without one the map is empty.
        most: points; of more, evenly spaced ones are taken.
    """
    ids, x, y = gallery.map_points()
    step = max(-(-len(ids) // most), 1)
    places = {name: place for place, name in enumerate(ids[::step])}
    names: dict[str, dict[str, int]] = {scale: {} for scale in gallery.scales}
    labels = {scale: [-1] * len(places) for scale in gallery.scales}
    gone = set(places)
    for item in gallery.items():
        place = places.get(item.id)
        if place is None:
            continue
        gone.discard(item.id)
        for scale, name in item.labels.items():
            labels[scale][place] = names[scale].setdefault(name, len(names[scale]))
    kept = [place for name, place in places.items() if name not in gone]
    at = np.array(list(places.values()), np.int64)[kept] * step
    return {
        "ids": [ids[place] for place in at],
        "x": np.round(np.asarray(x)[at], 4).tolist(),
        "y": np.round(np.asarray(y)[at], 4).tolist(),
        "labels": {scale: [row[place] for place in kept] for scale, row in labels.items()},
        "names": {scale: list(known) for scale, known in names.items()},
    }
