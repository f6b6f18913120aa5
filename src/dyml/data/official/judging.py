"""Judge an embedder on an official set, under its published protocol."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dyml.data.channels import checked_order
from dyml.data.manifest import Manifest
from dyml.data.official.opening import open_official
from dyml.data.official.pairs import Pair, evaluate_pairs
from dyml.errors import ManifestError
from dyml.metrics import Result, evaluate
from dyml.models import Embedder, embed_manifest

SIDES = ("query", "gallery")


def judge_official(
    embedder: Embedder,
    root: str | Path,
    channels: str | None = None,
    name: str | None = None,
    batch_size: int = 256,
    ks: Sequence[int] = (1, 5, 10, 20),
    progress: bool = True,
    keep: bool = False,
) -> Result:
    """Measure an embedder on DyML-Vehicle, -Animal or -Product.

    Vehicle and Animal have queries and a gallery at every scale: each query ranks the whole gallery of its
    scale. Product has one set of pictures, labelled at all scales: each picture ranks all others. The overall
    row is the mean over scales.

    Args:
        embedder: says how pictures are brought to size, too.
        root: the release, or a folder that `dyml data official` wrote.
        channels: stored or swapped; None takes what was chosen at conversion, else stored.
        name: vehicle, animal or product; None recognises it.
        batch_size: pictures at a time.
        ks: the k of CMC@k.
        progress: show progress bars on stderr, where that is a terminal.
        keep: keep the values of every query in `Result.per_query`.

    Raises:
        ManifestError: the folder is none of the sets, or a part is not there.
        ImageError: a picture cannot be opened; the text names its file.
        InputError: swapped channels for an embedder of grey pictures.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """
    official = open_official(root, name, benchmark_only=True)
    order = official.channels if channels is None else checked_order(channels)
    pairs = []
    for scales, manifest in official.benchmarks.items():
        what = f"embedding {official.name}: {', '.join(scales)}"
        ordered = replace(manifest, channel_order=order)
        vectors = embed_manifest(embedder, ordered, batch_size, what if progress else None)
        if len(scales) > 1:
            return evaluate(vectors, manifest.labels, scales=scales, ks=ks, keep=keep, progress=progress)
        pairs.append(_pair(scales[0], manifest, vectors))
    return evaluate_pairs(pairs, ks=ks, keep=keep, progress=progress)


def _pair(scale: str, manifest: Manifest, vectors: NDArray[np.float32]) -> Pair:
    split = np.array(manifest.split or [""] * len(manifest), dtype=object)
    query, gallery = (split == side for side in SIDES)
    if not query.any() or not gallery.any():
        raise ManifestError(
            f"the benchmark at scale {scale} has {query.sum():,} queries and {gallery.sum():,} pictures in "
            f"its gallery: both are needed. Unpack bmk_{scale} again, then `dyml data official` with --force."
        )
    labels = manifest.labels
    return Pair(scale, vectors[query], labels[query], vectors[gallery], labels[gallery])
