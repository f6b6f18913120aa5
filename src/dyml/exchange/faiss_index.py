"""A plain faiss index out of a gallery, for programs that search by themselves."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from dyml.errors import ConfigError, InputError, suggest
from dyml.files import atomic_path, write_json
from dyml.index import Gallery
from dyml.index.extras import engine_module

Kind = Literal["flat", "hnsw"]
KINDS = ("flat", "hnsw")
INDEX, IDS = "index.faiss", "ids.json"
_AT_ONCE = 65_536


def faiss_index(gallery: Gallery, kind: Kind = "flat", where: Any = None) -> tuple[Any, list[str]]:
    """Return a faiss index of a gallery's vectors by inner product, and the id of every row.

    Args:
        gallery: whose items are copied.
        kind: `flat` is exact; `hnsw` is a graph, faster on millions and not exact.
        where: conditions on the items, as for `Gallery.search`.

    Returns:
        The index, whose similarities are cosines, and the ids in the order of its rows.

    Raises:
        ConfigError: no such kind.
        InputError: no items are left.
        RunError: faiss is not installed.
    """
    faiss = engine_module("faiss")
    if kind not in KINDS:
        raise ConfigError(f"no kind {kind!r}; there are {' and '.join(KINDS)}.{suggest(kind, KINDS)}")
    if kind == "flat":
        index = faiss.IndexFlatIP(gallery.dim)
    else:
        index = faiss.IndexHNSWFlat(gallery.dim, 32, faiss.METRIC_INNER_PRODUCT)
    ids: list[str] = []
    waiting: list[Any] = []
    for item in gallery.items(where=where):
        ids.append(item.id)
        waiting.append(item.vector)
        if len(waiting) == _AT_ONCE:
            index.add(np.stack(waiting))
            waiting = []
    if waiting:
        index.add(np.stack(waiting))
    if not ids:
        raise InputError(f"no items in the gallery {gallery.path}" + (" fulfil `where`" if where else ""))
    return index, ids


def write_faiss(gallery: Gallery, folder: str | Path, kind: Kind = "flat", where: Any = None) -> Path:
    """Write `index.faiss` and `ids.json`, a list with the id of every row, into a folder; return it.

    Both are written whole or not at all. For arguments and errors see `faiss_index`.
    """
    index, ids = faiss_index(gallery, kind, where)
    folder = Path(folder)
    with atomic_path(folder / INDEX) as part:
        engine_module("faiss").write_index(index, str(part))
    write_json(folder / IDS, ids)
    return folder
