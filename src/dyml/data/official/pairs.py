"""The protocol of one benchmark a scale, each with queries and a gallery labelled at that scale alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dyml.errors import InputError
from dyml.metrics import Result, evaluate
from dyml.metrics.measures import MULTI
from dyml.metrics.result import COUNTS


@dataclass(frozen=True)
class Pair:
    """The queries and the gallery of one scale.

    Attributes:
        scale: its name.
        query: (Q, D) embeddings, as `dyml.metrics.evaluate` takes them.
        query_labels: (Q,) or (Q, 1) integers, the class at that scale.
        gallery: (N, D) embeddings.
        gallery_labels: (N,) or (N, 1) integers, numbered as the query's.
        query_ids: (Q,) integers or text that name the pictures, where the queries are in the gallery, too; or
            None.
        gallery_ids: (N,) likewise.
    """

    scale: str
    query: Any
    query_labels: Any
    gallery: Any
    gallery_labels: Any
    query_ids: Any = None
    gallery_ids: Any = None


def evaluate_pairs(
    pairs: Sequence[Pair],
    *,
    ks: Sequence[int] = (1, 5, 10, 20),
    similarity: str = "cosine",
    keep: bool = False,
    progress: bool = False,
) -> Result:
    """Measure every scale on its own queries and gallery; the overall row is the mean over scales.

    Every query ranks its whole gallery ("query and gallery", the published rule, by which a query that is in
    the gallery finds itself first); where all pairs have ids, all but the items of its own id ("by id"). The
    rule is in the result. There are no measures over all scales at once, since no picture is
    labelled at several: these are None.

    Args:
        pairs: one a scale, fine to coarse.
        ks: the k of CMC@k.
        similarity: "cosine", "dot" or "euclidean".
        keep: keep the values of every query in `Result.per_query`.
        progress: show a progress bar on stderr, where that is a terminal.

    Raises:
        InputError: no pairs, two of one scale, or a pair whose arrays do not fit together; the text names its
            scale.

    Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
    """
    scales = tuple(pair.scale for pair in pairs)
    if not scales or len(set(scales)) < len(scales):
        raise InputError(f"pairs must be one or more, each of another scale; got {list(scales)}")
    results = {}
    for pair in pairs:
        try:
            results[pair.scale] = evaluate(
                pair.query,
                pair.query_labels,
                pair.gallery,
                pair.gallery_labels,
                scales=(pair.scale,),
                ks=ks,
                query_ids=pair.query_ids,
                gallery_ids=pair.gallery_ids,
                similarity=similarity,
                keep=keep,
                progress=progress,
            )
        except InputError as error:
            raise InputError(f"scale {pair.scale!r}: {error}") from error
    rules = {result.rule for result in results.values()}
    if len(rules) > 1:
        raise InputError("some pairs have ids and others none: give ids with every pair, or with none")
    by_scale = {scale: result.by_scale[scale] for scale, result in results.items()}
    names = [name for name in by_scale[scales[0]] if name not in COUNTS]
    per_query = (
        {scale: (result.per_query or {})[scale] for scale, result in results.items()} if keep else None
    )
    return Result(
        scales,
        by_scale,
        {name: _mean([by_scale[scale][name] for scale in scales]) for name in names},
        dict.fromkeys(MULTI),
        per_query,
        rules.pop(),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
