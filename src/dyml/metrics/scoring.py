"""Run an engine over all queries, block by block, on as many threads as there are."""

import sys
from collections.abc import Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from dyml.errors import InputError, suggest
from dyml.metrics.lanes import make_plan, pool_of_lanes
from dyml.metrics.measures import Question, Scores
from dyml.metrics.products import Gallery, fill_similarities
from dyml.metrics.sorting import SortingEngine
from dyml.metrics.vectors import Vectors, empty

if TYPE_CHECKING:
    from dyml.metrics.counting import CountingEngine

Engine: TypeAlias = "CountingEngine | SortingEngine"

ENGINES = ("auto", "counting", "sorting")
WORTH_COMPILING = 2**23  # Pairs below which sorting is done before the other engine is loaded.


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
    pair_bytes = torch.finfo(queries.dtype).bits // 8 + engine.bytes_per_pair
    plan = make_plan(len(queries), block_bytes // 2 // (pair_bytes * len(items)), engine.threads)
    gallery = Gallery(items, block_bytes // 2, plan.lanes)
    scores = Scores.empty(len(queries), engine.question)
    blocks: SimpleQueue[Tensor] = SimpleQueue()
    for _ in range(plan.lanes):
        blocks.put(empty(plan.rows, len(gallery), queries.dtype, queries.device))

    def work(start: int) -> int:
        block = blocks.get()
        similarity = fill_similarities(queries.rows(start, start + plan.rows), gallery, block)
        found = engine.measure(similarity, start, alone=plan.lanes > 1)
        stop = start + len(similarity)
        scores.single[start:stop], scores.multi[start:stop] = found.single, found.multi
        blocks.put(block)
        return stop - start

    starts = range(0, len(queries), plan.rows)
    if plan.lanes == 1:
        _show(map(work, starts), len(queries), progress)
    else:
        with pool_of_lanes(plan.lanes) as pool:
            _show(pool.map(work, starts), len(queries), progress)
    return scores


def _show(steps: Iterable[int], total: int, progress: bool) -> None:
    """Go through the steps, each so many queries, behind a progress bar."""
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
        task = bar.add_task("", total=total)
        for done in steps:
            bar.advance(task, done)
