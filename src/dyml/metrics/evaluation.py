"""The one entry to the metrics: embeddings and labels in, a `Result` out."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dyml.errors import InputError
from dyml.metrics import inputs, sorting
from dyml.metrics.measures import MULTI, Scores, single_names
from dyml.metrics.products import Gallery, similarity_blocks
from dyml.metrics.result import Result
from dyml.metrics.vectors import Vectors, checked_similarity

BLOCK_BYTES = 512 * 2**20
MOST_ROWS = 1024


def evaluate(
    query: Any,
    query_labels: Any,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    scales: Sequence[str],
    ks: Sequence[int] = (1, 5, 10, 20),
    similarity: str = "cosine",
    alpha: float = 1.0,
    keep: bool = False,
    block_bytes: int = BLOCK_BYTES,
    progress: bool = False,
) -> Result:
    """Measure how well embeddings retrieve their own class, at every scale.

    With a gallery, every query ranks the whole gallery. Without one, every row of `query` is a query and ranks
    all other rows (leave-one-out): a query is excluded by its position, copies of it are not. Equal
    similarities rank in gallery order, and equal vectors have equal similarities. A query without a relevant
    item at a scale is left out there, and counted.

    Args:
        query: (Q, D) embeddings, numpy (memory-mapped, too) or torch on any one device: float16, bfloat16,
            float32, float64 or int8. Computed in float32, or in float64 where any input is float64.
        query_labels: (Q, L) integers, one column a scale, finest first; classes must nest. With one scale,
            (Q,) will do.
        gallery: (N, D) embeddings, or None for leave-one-out.
        gallery_labels: (N, L) integers, numbered as the query's.
        scales: L names, fine to coarse.
        ks: the k of CMC@k.
        similarity: "cosine" (rows are normalised; rows of zeros stay zeros) or "dot".
        alpha: α of H-AP.
        keep: keep the values of every query in `Result.per_query`.
        block_bytes: working memory beyond the inputs, about; the result does not depend on it.
        progress: show a progress bar on stderr, where that is a terminal.

    Returns:
        The measures at every scale, their mean over scales, and H-AP, NDCG and graded ASI.

    Raises:
        InputError: arrays that do not fit together, or no query with a relevant item at any scale.
        TaxonomyError: classes that do not nest.

    Sun et al., "Dynamic Metric Learning", CVPR 2021.

    >>> embeddings = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 1.0]])
    >>> result = evaluate(embeddings, np.array([[0, 0], [1, 0], [2, 1], [2, 1]]), scales=("fine", "coarse"))
    >>> result.to_dict()["fine"]["CMC@1"], result.to_dict()["fine"]["queries"]
    (1.0, 2)
    """
    names = inputs.checked_scales(scales)
    ks = inputs.checked_ks(ks)
    kind = checked_similarity(similarity)
    _check_numbers(alpha, block_bytes)
    if (gallery is None) != (gallery_labels is None):
        raise InputError("gallery and gallery_labels come together: give both, or neither for leave-one-out")

    queries = inputs.checked_embeddings(query, "query")
    items = None if gallery is None else inputs.checked_embeddings(gallery, "gallery")
    inputs.check_pair(queries, items)
    query_ids = inputs.checked_labels(query_labels, "query_labels", len(queries), names)
    item_ids = (
        None if items is None else inputs.checked_labels(gallery_labels, "gallery_labels", len(items), names)
    )
    query_codes, item_codes = inputs.joint_codes(query_ids, item_ids, names)

    dtype = inputs.compute_dtype(queries) if items is None else inputs.compute_dtype(queries, items)
    query_vectors = Vectors(queries, dtype, kind, "query")
    item_vectors = query_vectors if items is None else Vectors(items, dtype, kind, "gallery")
    scores = score_queries(
        query_vectors,
        query_codes,
        item_vectors,
        item_codes,
        leave_one_out=items is None,
        ks=ks,
        alpha=alpha,
        block_bytes=block_bytes,
        progress=progress,
    )
    return Result.from_scores(scores, names, ks, keep)


def score_queries(
    queries: Vectors,
    query_codes: inputs.Ints,
    items: Vectors,
    item_codes: inputs.Ints,
    *,
    leave_one_out: bool,
    ks: tuple[int, ...],
    alpha: float,
    block_bytes: int,
    progress: bool = False,
) -> Scores:
    """Compute the measures of every query, block by block.

    Args:
        queries: Q vectors.
        query_codes: (Q, L) class codes, finest first, nested.
        items: N vectors; the same as `queries` for leave-one-out.
        item_codes: (N, L) class codes, numbered as the queries'.
        leave_one_out: leave each query's own position out of its list.
        ks: the k of CMC@k.
        alpha: α of H-AP.
        block_bytes: working memory, about.
        progress: show a progress bar on stderr, where that is a terminal.
    """
    gallery = Gallery(items, block_bytes // 2)
    rows = block_bytes // 2 // (sorting.BYTES_PER_PAIR * len(gallery))
    rows = min(max(rows, 1), MOST_ROWS, len(queries))
    scores = Scores(
        np.empty((len(queries), query_codes.shape[1], len(single_names(ks)))),
        np.empty((len(queries), len(MULTI))),
    )
    bar = Progress(
        TextColumn("evaluating"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not (progress and sys.stderr.isatty()),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=len(queries))
        for start, block in similarity_blocks(queries, gallery, rows):
            stop = start + len(block)
            single, multi = sorting.measure_by_sorting(
                block,
                torch.from_numpy(query_codes[start:stop]).to(block.device),
                torch.from_numpy(item_codes).to(block.device),
                torch.arange(start, stop, device=block.device) if leave_one_out else None,
                ks,
                alpha,
            )
            scores.single[start:stop] = single.cpu().numpy()
            scores.multi[start:stop] = multi.cpu().numpy()
            bar.update(task, completed=stop)
    return scores


def _check_numbers(alpha: float, block_bytes: int) -> None:
    if not 0 <= alpha < float("inf"):
        raise InputError(f"alpha must be a number from 0 up; got {alpha}")
    if block_bytes < 1:
        raise InputError(f"block_bytes must be a number of bytes, such as {BLOCK_BYTES}; got {block_bytes}")
