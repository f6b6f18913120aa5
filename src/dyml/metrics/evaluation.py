"""The one entry to the metrics: embeddings and labels in, a `Result` out."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dyml.errors import InputError, suggest
from dyml.metrics import inputs
from dyml.metrics.chosen import checked_gain, checked_measures
from dyml.metrics.exclusions import make_left_out
from dyml.metrics.measures import Question, Scores
from dyml.metrics.products import Gallery, similarity_blocks
from dyml.metrics.result import Result
from dyml.metrics.sorting import SortingEngine
from dyml.metrics.vectors import Vectors, checked_similarity

if TYPE_CHECKING:
    from dyml.metrics.counting import CountingEngine

Engine: TypeAlias = "CountingEngine | SortingEngine"

BLOCK_BYTES = 512 * 2**20
MOST_ROWS = 512
ENGINES = ("auto", "counting", "sorting")
WORTH_COMPILING = 2**23  # Pairs below which sorting is done before the other engine is loaded.


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
            float32, float64 or int8. Computed in float32, or in float64 where any input is float64.
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
        similarity: "cosine" (rows are normalised; rows of zeros stay zeros) or "dot".
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

    dtype = inputs.compute_dtype(queries, items)
    query_vectors = Vectors(queries, dtype, kind, "query")
    item_vectors = query_vectors if items is None else Vectors(items, dtype, kind, "gallery")
    question = Question(*codes, left_out, ks, alpha, chosen_measures, linear_gain)
    with choose_engine(engine, query_vectors.device.type, question) as chosen:
        scores = score_queries(query_vectors, item_vectors, chosen, block_bytes, progress)
    return Result.from_scores(scores, names, question, classes if keep else None)


def choose_engine(name: str, device: str, question: Question) -> Engine:
    """Make the engine of a name; "auto" takes the one that is done first.

    Args:
        name: "auto", "counting" or "sorting".
        device: the type of device that the embeddings are on.
        question: what to measure.
    """
    if name not in ENGINES:
        raise InputError(f"engine must be one of {', '.join(ENGINES)}; got {name!r}.{suggest(name, ENGINES)}")
    if name == "counting" and device != "cpu":
        raise InputError(
            f"the counting engine works on the CPU, but the embeddings are on {device}: use 'auto'"
        )
    pairs = len(question.query_codes) * len(question.item_codes)
    if name == "sorting" or (name == "auto" and (device != "cpu" or pairs < WORTH_COMPILING)):
        return SortingEngine(question)
    from dyml.metrics.counting import CountingEngine

    return CountingEngine(question)


def score_queries(
    queries: Vectors, items: Vectors, engine: Engine, block_bytes: int, progress: bool = False
) -> Scores:
    """Compute the measures of every query, block by block.

    Args:
        queries: Q vectors.
        items: N vectors; the same object as `queries` for leave-one-out.
        engine: turns similarities into measures.
        block_bytes: working memory, about.
        progress: show a progress bar on stderr, where that is a terminal.
    """
    gallery = Gallery(items, block_bytes // 2)
    pair_bytes = torch.finfo(queries.dtype).bits // 8 + engine.bytes_per_pair
    rows = min(max(block_bytes // 2 // (pair_bytes * len(gallery)), 1), MOST_ROWS, len(queries))
    scores = Scores.empty(len(queries), engine.question)
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
            found = engine.measure(block, start)
            scores.single[start:stop], scores.multi[start:stop] = found.single, found.multi
            bar.update(task, completed=stop)
    return scores


def _check_numbers(alpha: float, block_bytes: int) -> None:
    if not 0 <= alpha < float("inf"):
        raise InputError(f"alpha must be a number from 0 up; got {alpha}")
    if block_bytes < 1:
        raise InputError(f"block_bytes must be a number of bytes, such as {BLOCK_BYTES}; got {block_bytes}")
