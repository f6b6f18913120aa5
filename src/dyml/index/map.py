"""The map of a gallery: items on a plane, computed once and stored beside the rows."""

import json
import zipfile
from pathlib import Path

import numpy as np

from dyml.files import atomic_path
from dyml.index.engine import GalleryEngine
from dyml.index.items import Floats

NAME = "map.npz"
MOST_POINTS = MOST_TSNE = 20_000
FEWEST = 12  # fewer points have no neighbourhoods to draw
AXES = 50  # t-SNE looks at so many principal axes


def build_map(engine: GalleryEngine, folder: Path, most: int, tsne: int, seed: int) -> str:
    """Compute and store a map; return how. See `Gallery.build_map`."""
    ids, vectors = engine.sample(most, seed)
    points, method = plane(vectors, tsne, seed)
    text = np.frombuffer(json.dumps(ids, ensure_ascii=False).encode(), np.uint8)
    with atomic_path(folder / NAME) as part, part.open("wb") as file:
        np.savez(file, ids=text, points=points, method=np.array(method))
    return method


def map_points(engine: GalleryEngine, folder: Path) -> tuple[list[str], Floats, Floats]:
    """Return ids, x and y; see `Gallery.map_points`."""
    stored = _stored(folder / NAME)
    if stored is None:
        ids, vectors = engine.sample(MOST_POINTS, 0)
        points = principal_axes(vectors, 2)
        return ids, points[:, 0], points[:, 1]
    ids, points = stored
    there = engine.present(ids)
    return [name for name, kept in zip(ids, there) if kept], points[there, 0], points[there, 1]


def plane(vectors: Floats, tsne: int, seed: int) -> tuple[Floats, str]:
    """Place vectors on a plane, centred, the same for the same vectors.

    Args:
        vectors: (N, D) float32.
        tsne: up to how many vectors t-SNE is used.
        seed: of t-SNE.

    Returns:
        (N, 2) float32, and `t-SNE` or `PCA`.
    """
    axes = principal_axes(vectors, AXES)
    if not FEWEST <= len(vectors) <= tsne or float(axes.std()) < 1e-6:
        return np.ascontiguousarray(axes[:, :2]), "PCA"
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    start = axes[:, :2] / max(float(axes[:, 0].std()), 1e-12) * 1e-4
    model = TSNE(perplexity=perplexity, init=start, random_state=seed, max_iter=750)
    points = model.fit_transform(axes).astype(np.float32)
    return points - points.mean(axis=0), "t-SNE"


def principal_axes(vectors: Floats, count: int) -> Floats:
    """Return the first principal components (N, count), zeros where there are fewer.

    The largest entry of each is positive, so that signs do not depend on the library.
    """
    centred = vectors - vectors.mean(axis=0) if len(vectors) else vectors
    _, axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    found = (centred @ axes[:, ::-1][:, :count]).astype(np.float32)
    if len(found):
        largest = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
        found *= np.where(largest < 0, np.float32(-1), np.float32(1))
    return np.pad(found, ((0, 0), (0, max(0, count - found.shape[1]))))


def _stored(file: Path) -> tuple[list[str], Floats] | None:
    """Return the stored map; None where there is none, or a damaged one, which can be made again."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            ids = json.loads(stored["ids"].tobytes())
            points = stored["points"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return (ids, points) if points.shape == (len(ids), 2) else None
