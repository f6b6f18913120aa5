"""The one entry to the metrics: embeddings and labels in, a `Result` out."""

from collections.abc import Sequence
from typing import Any

import torch

from dyml.errors import InputError
from dyml.metrics import inputs
from dyml.metrics.chosen import checked_gain, checked_measures
from dyml.metrics.exclusions import make_left_out
from dyml.metrics.measures import Question
from dyml.metrics.result import Result
from dyml.metrics.scoring import choose_engine, score_queries
from dyml.metrics.vectors import Vectors, checked_similarity

BLOCK_BYTES = 512 * 2**20


def evaluate(
    query: Any,
    query_labels: Any,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    scales: Sequence[str],
    query_ids: Any = None,
    gallery_ids: Any = None,
    query_cameras: Any = None,
    gallery_cameras: Any = None,
    distractors: bool = False,
    ks: Sequence[int] = (1, 5, 10, 20),
    similarity: str = "cosine",
    alpha: float = 1.0,
    measures: Sequence[str] = (),
    gain: str = "exponential",
    keep: bool = False,
    block_bytes: int = BLOCK_BYTES,
    engine: str = "auto",
    progress: bool = False,
) -> Result:
    """Measure how well embeddings retrieve their own class, at every scale.

    With a gallery, every query ranks all of it. Without one, every row of `query` is a query and ranks all
    other rows (leave-one-out): a query is excluded by its position, copies of it are not. Equal similarities
    rank in gallery order, and equal vectors have equal similarities. A query without a relevant item at a
    scale is left out there, and counted.

    Args:
        query: (Q, D) embeddings, numpy (memory-mapped, too) or torch on any one device: float16, bfloat16,
            float32, float64 or int8. Computed in float32; in float64 where any input is float64, and for
            Euclidean distances, which are differences of squares.
        query_labels: (Q, L) integers, one column a scale, finest first; classes must nest. With one scale,
            (Q,) will do.
        gallery: (N, D) embeddings, or None for leave-one-out.
        gallery_labels: (N, L) integers, numbered as the query's.
        scales: L names, fine to coarse.
        query_ids: (Q,) integers or text that name the picture: an item of the same id is left out.
            For query sets that are contained in the gallery. Without a gallery, leaves out copies, too.
        gallery_ids: (N,) likewise.
        query_cameras: (Q,) integers or text: an item of the same finest class and the same camera is
            left out, as is the way of re-identification.
        gallery_cameras: (N,) likewise.
        distractors: the gallery's labels may be −1, which is relevant to nothing at that scale; every finer
            scale of the row is −1 then. Without a gallery, such rows ask in vain: they are left
            out as queries, and counted.
        ks: the k of CMC@k.
        similarity: "cosine" (rows are normalised; rows of zeros stay zeros), "dot", or "euclidean" (the
            nearest first).
        alpha: α of H-AP.
        measures: more of them: precision@10, share-found@10, mAP@10, MRR (of every scale), NDCG@10,
            LCA-first, LCA-errors (over all scales), with any k; see `dyml.metrics.chosen`.
        gain: of an item in NDCG: "exponential", 2^l − 1 where it shares l scales, or "linear", l.
        keep: keep the values of every query in `Result.per_query`, for intervals, comparisons, classes.
        block_bytes: working memory beyond the inputs, about; the result does not depend on it.
        engine: "counting" (fast, on the CPU, compiles for some seconds at its very first use), "sorting" (any
            device), or "auto" to choose by device and size. Both find the same.
        progress: show a progress bar on stderr, where that is a terminal.

    Returns:
        The measures at every scale, their mean over scales, and H-AP, NDCG and graded ASI.

    Raises:
        InputError: arrays that do not fit together, or no query with a relevant item at any scale.
        TaxonomyError: classes that do not nest.

    Sun et al., "Dynamic Metric Learning", CVPR 2021.

    >>> import numpy as np
    >>> embeddings = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 1.0]])
    >>> result = evaluate(embeddings, np.array([[0, 0], [1, 0], [2, 1], [2, 1]]), scales=("fine", "coarse"))
    >>> result.to_dict()["fine"]["CMC@1"], result.to_dict()["fine"]["queries"]
    (1.0, 2)
    """
    names = inputs.checked_scales(scales)
    ks = inputs.checked_ks(ks)
    kind = checked_similarity(similarity)
    chosen_measures, linear_gain = checked_measures(measures), checked_gain(gain)
    _check_numbers(alpha, block_bytes)
    if (gallery is None) != (gallery_labels is None):
        raise InputError("gallery and gallery_labels come together: give both, or neither for leave-one-out")

    queries = inputs.checked_embeddings(query, "query")
    items = None if gallery is None else inputs.checked_embeddings(gallery, "gallery")
    inputs.check_pair(queries, items)
    classes = inputs.checked_labels(
        query_labels, "query_labels", len(queries), names, distractors and items is None
    )
    item_classes = None
    if items is not None:
        item_classes = inputs.checked_labels(gallery_labels, "gallery_labels", len(items), names, distractors)
    codes = inputs.joint_codes(classes, item_classes, names)
    left_out = make_left_out(
        *codes, items is None, (query_ids, gallery_ids), (query_cameras, gallery_cameras)
    )

    dtype = torch.float64 if kind == "euclidean" else inputs.compute_dtype(queries, items)
    query_vectors = item_vectors = Vectors(queries, dtype, kind, "query")
    if items is not None:
        item_vectors = Vectors(items, dtype, kind, "gallery", searched=True)
    elif kind == "euclidean":
        item_vectors = Vectors(queries, dtype, kind, "query", searched=True)
    question = Question(*codes, left_out, ks, alpha, chosen_measures, linear_gain)
    with choose_engine(engine, query_vectors.device.type, question) as chosen:
        scores = score_queries(query_vectors, item_vectors, chosen, block_bytes, progress)
    return Result.from_scores(scores, names, question, classes if keep else None)


def _check_numbers(alpha: float, block_bytes: int) -> None:
    if not 0 <= alpha < float("inf"):
        raise InputError(f"alpha must be a number from 0 up; got {alpha}")
    if block_bytes < 1:
        raise InputError(f"block_bytes must be a number of bytes, such as {BLOCK_BYTES}; got {block_bytes}")
