"""Verification: are two pictures of one class? ROC, DET, EER and TAR@FAR per scale, from all pairs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dyml.errors import InputError
from dyml.metrics import inputs
from dyml.metrics.exclusions import LeftOut, make_left_out
from dyml.metrics.products import Gallery, similarity_blocks
from dyml.metrics.vectors import Vectors

BINS, MOST_BINS = 2**16, 2**20
BLOCK_BYTES = 512 * 2**20
MOST_ROWS, TASK_ROWS = 512, 32
RATES = (1e-1, 1e-2, 1e-3, 1e-4)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """How well a threshold on the cosine tells pairs of one class from pairs of two, at one scale.

    A pair is accepted when its similarity is at or above the threshold. The counts are exact at every
    threshold; of what lies between two neighbours nothing is known: they are 2 / (bins − 1) apart.

    Attributes:
        thresholds: (T,) falling; the first accepts nothing.
        accepted_same: (T,) int64, how many pairs of one class each accepts.
        accepted_other: (T,) likewise of two classes.
    """

    thresholds: Floats
    accepted_same: Ints
    accepted_other: Ints

    @property
    def same(self) -> int:
        """How many pairs are of one class."""
        return int(self.accepted_same[-1])

    @property
    def other(self) -> int:
        """How many pairs are of two classes."""
        return int(self.accepted_other[-1])

    @property
    def true_accepts(self) -> Floats:
        """TAR at every threshold (the true positive rate of ROC): NaN without pairs of one class."""
        return _share(self.accepted_same, self.same)

    @property
    def false_accepts(self) -> Floats:
        """FAR at every threshold (the false positive rate of ROC): NaN without pairs of two classes."""
        return _share(self.accepted_other, self.other)

    @property
    def false_rejects(self) -> Floats:
        """FRR at every threshold, which DET draws against FAR."""
        return 1 - self.true_accepts

    def equal_error_rate(self) -> float | None:
        """EER: where FAR and FRR cross, on the straight line between the two thresholds around it."""
        if not self.same or not self.other:
            return None
        gap = self.false_accepts - self.false_rejects  # Rises from −1 to 1.
        after = int(np.argmax(gap >= 0))
        before = after - 1
        part = -gap[before] / (gap[after] - gap[before])
        far = self.false_accepts
        return float(far[before] + part * (far[after] - far[before]))

    def true_accept_rate(self, rate: float) -> float | None:
        """TAR at the lowest threshold whose FAR is at or below `rate`; nothing is interpolated.

        None where there are too few pairs of two classes for such a rate to be measured: fewer than 1 / rate.
        """
        if not 0 < rate <= 1:
            raise InputError(f"a false accept rate lies above 0 and up to 1; got {rate}")
        if not self.same or self.other * rate < 1:
            return None
        place = int(np.searchsorted(self.false_accepts, rate, side="right")) - 1
        return float(self.true_accepts[place])

    def area(self) -> float | None:
        """Area under ROC by trapezoids; pairs of one bin count as ties."""
        if not self.same or not self.other:
            return None
        return float(np.trapezoid(self.true_accepts, self.false_accepts))

    def summary(self, rates: Sequence[float] = RATES) -> dict[str, float | int | None]:
        """Return EER, area under ROC, TAR@FAR at some rates, and the numbers of pairs."""
        found = {f"TAR@FAR={rate:g}": self.true_accept_rate(rate) for rate in rates}
        return {
            "EER": self.equal_error_rate(),
            "AUC": self.area(),
            **found,
            "same pairs": self.same,
            "other pairs": self.other,
        }


def verify(
    query: Any,
    query_labels: Any,
    gallery: Any = None,
    gallery_labels: Any = None,
    *,
    scales: Sequence[str],
    query_ids: Any = None,
    gallery_ids: Any = None,
    bins: int = BINS,
    block_bytes: int = BLOCK_BYTES,
) -> Mapping[str, Curve]:
    """Count, per scale, how many pairs each threshold on the cosine accepts, rightly and wrongly.

    Without a gallery, every two rows are a pair, once. With one, every query is paired with every item, but
    for those of its id where ids are given. No pair is drawn at random and no list of pairs is held. It works
    on the CPU.

    Args:
        query: (Q, D) embeddings, as `evaluate` takes them.
        query_labels: (Q, L) integers, finest scale first.
        gallery: (N, D) embeddings, or None.
        gallery_labels: (N, L) integers.
        scales: L names, fine to coarse.
        query_ids: (Q,) integers or text; pairs of the same id are left out.
        gallery_ids: (N,) likewise.
        bins: thresholds between −1 and 1.
        block_bytes: working memory, about.

    Returns:
        A curve by scale.

    Raises:
        InputError: arrays that do not fit together.
        TaxonomyError: classes that do not nest.
    """
    names = inputs.checked_scales(scales)
    if not 2 <= bins <= MOST_BINS:
        raise InputError(f"bins must lie in 2 … {MOST_BINS:,}; got {bins}")
    if block_bytes < 1:
        raise InputError(f"block_bytes must be a number of bytes, such as {BLOCK_BYTES}; got {block_bytes}")
    if (gallery is None) != (gallery_labels is None):
        raise InputError("gallery and gallery_labels come together: give both, or neither for pairs of rows")
    queries = inputs.checked_embeddings(query, "query")
    items = None if gallery is None else inputs.checked_embeddings(gallery, "gallery")
    inputs.check_pair(queries, items)
    classes = inputs.checked_labels(query_labels, "query_labels", len(queries), names)
    others = (
        None if items is None else inputs.checked_labels(gallery_labels, "gallery_labels", len(items), names)
    )
    codes = inputs.joint_codes(classes, others, names)
    left_out = make_left_out(*codes, items is None, (query_ids, gallery_ids), (None, None))
    dtype = inputs.compute_dtype(queries, items)
    vectors = Vectors(queries, dtype, "cosine", "query")
    if vectors.device.type != "cpu":
        raise InputError(
            f"verification works on the CPU, but the embeddings are on {vectors.device}: use .cpu()"
        )
    others_vectors = vectors if items is None else Vectors(items, dtype, "cosine", "gallery")
    edges = torch.linspace(-1, 1, bins, dtype=dtype).numpy()
    counts = _count(vectors, others_vectors, codes, left_out, items is None, edges, block_bytes)
    return {name: _curve(counts, len(names) - m, edges) for m, name in enumerate(names)}


def _count(
    queries: Vectors,
    items: Vectors,
    codes: tuple[Ints, Ints],
    left_out: LeftOut,
    own: bool,
    edges: NDArray[Any],
    block_bytes: int,
) -> Ints:
    """Return (L + 1, bins) counts of pairs by the number of shared scales and by similarity."""
    from dyml.metrics.pair_counts import count_pairs

    gallery = Gallery(items, block_bytes // 2)
    rows = min(max(block_bytes // 2 // (8 * len(gallery)), 1), MOST_ROWS, len(queries))
    counts = np.zeros((codes[0].shape[1] + 1, len(edges)), np.int64)

    def task(block: NDArray[Any], first: int) -> Ints:
        last = first + len(block)
        block[left_out.pairs(first, last)] = -np.inf
        # Without a gallery, a pair counts once: with the later of its two rows.
        firsts = np.arange(first + 1, last + 1) if own else np.zeros(len(block), np.int64)
        found = np.zeros_like(counts)
        count_pairs(block, codes[0][first:last], codes[1], firsts, edges, found)
        return found

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        for start, block in similarity_blocks(queries, gallery, rows):
            parts = [block.numpy()[at : at + TASK_ROWS] for at in range(0, len(block), TASK_ROWS)]
            for found in threads.map(task, parts, range(start, start + len(block), TASK_ROWS)):
                counts += found
    return counts


def _curve(counts: Ints, least: int, edges: NDArray[Any]) -> Curve:
    same, other = counts[least:].sum(0)[::-1], counts[:least].sum(0)[::-1]
    thresholds = np.concatenate([[np.inf], edges[::-1].astype(np.float64)])
    accepted = [np.concatenate([[0], np.cumsum(part)]) for part in (same, other)]
    # Cosines just below −1, by rounding, are in the lowest bin.
    thresholds[-1] = -np.inf
    return Curve(thresholds, *accepted)


def _share(accepted: Ints, total: int) -> Floats:
    return accepted / total if total else np.full(len(accepted), np.nan)
