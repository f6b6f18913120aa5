"""Similarities of pairs that share the finest class, only a coarser one, or nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dyml.report.vectors import Floats, Ints
from dyml.taxonomy.pairs import draw_level, run_stops


@dataclass(frozen=True)
class LevelPairs:
    """The similarities of the pairs that share exactly `level` scales.

    Attributes:
        level: the number of shared scales, 0 … L.
        total: how many such pairs there are.
        similarity: (P,) float32, sorted: of all of them, or of an even sample.
    """

    level: int
    total: int
    similarity: Floats

    @property
    def sampled(self) -> bool:
        """Whether `similarity` holds a sample and not every pair."""
        return len(self.similarity) < self.total

    def quantile(self, share: float) -> float:
        """Return the similarity below which a share of the pairs lies; NaN where there are none."""
        return float(np.quantile(self.similarity, share)) if len(self.similarity) else float("nan")


def pair_similarities(
    embeddings: Floats, labels: Ints, most: int = 100_000, seed: int = 0
) -> tuple[LevelPairs, ...]:
    """Return the similarities of pairs for every number of shared scales, most shared first.

    Args:
        embeddings: (N, D) float32 unit vectors.
        labels: (N, L) int64, finest scale first, nested.
        most: how many pairs of a level are looked at; of a level with more, an even sample of this size
            (with replacement).
        seed: what the samples depend on, besides the arguments.
    """
    order = np.lexsort(tuple(labels.T))
    stops = run_stops(labels[order])
    rng = np.random.default_rng(seed)
    levels = []
    for level in range(labels.shape[1], -1, -1):
        first, second, total = draw_level(stops, level, most, rng)
        similarity = _dots(embeddings, order[first], order[second])
        levels.append(LevelPairs(level, total, np.sort(similarity)))
    return tuple(levels)


def above(upper: LevelPairs, lower: LevelPairs) -> float:
    """Return the chance that a pair of one level is more similar than a pair of another, ties counting half.

    NaN where one of them has no pairs. 1 means that a threshold tells them apart without error.
    """
    if not len(upper.similarity) or not len(lower.similarity):
        return float("nan")
    below = np.searchsorted(lower.similarity, upper.similarity, side="left")
    level = np.searchsorted(lower.similarity, upper.similarity, side="right")
    return float((below + level).sum(dtype=np.float64) / (2 * len(upper.similarity) * len(lower.similarity)))


def density(similarity: Floats, low: float, high: float, bins: int = 400) -> tuple[NDArray, NDArray]:
    """Return a smooth density of similarities over [low, high]: a fine histogram under a Gaussian.

    The width follows Silverman's rule. Mass that would leave an end is mirrored back into the range, so
    that a heap at similarity 1 keeps its height.

    Returns:
        (bins,) positions and (bins,) densities that integrate to 1.
    """
    counts, edges = np.histogram(similarity.astype(np.float64), bins=bins, range=(low, high))
    step = edges[1] - edges[0]
    spread = min(np.std(similarity), np.subtract(*np.quantile(similarity, (0.75, 0.25))) / 1.34)
    width = float(np.clip(0.9 * spread * len(similarity) ** -0.2, 1.5 * step, 0.06 * (high - low)))
    reach = min(bins, int(np.ceil(4 * width / step)))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    padded = np.pad(counts.astype(np.float64), reach, mode="symmetric")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    return (edges[1:] + edges[:-1]) / 2, smooth / max(smooth.sum() * step, 1e-12)


def _dots(embeddings: Floats, first: Ints, second: Ints, block: int = 8192) -> Floats:
    out = np.empty(len(first), dtype=np.float32)
    for start in range(0, len(first), block):
        part = slice(start, start + block)
        out[part] = np.einsum("ij,ij->i", embeddings[first[part]], embeddings[second[part]])
    return out
