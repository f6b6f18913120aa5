"""Choose between isotonic and logistic calibration, scale by scale, by what they say of unseen classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dyml.gauge.calibration import FITS, METHODS, Curve, constant, proper_score
from dyml.gauge.marks import Plain
from dyml.gauge.pairs import Floats, Ints, draw_pairs, pair_similarities
from dyml.gauge.priors import pair_weights


class Choice(Plain):
    """Which calibration a scale got, and why.

    Attributes:
        scale: its name.
        method: `isotonic`, `logistic`, or `constant` where there are only same or only different pairs.
        score: the proper score that decided, `log_loss` or `brier`; lower is better.
        scores: per method, its mean over both directions of the split; empty where none could be computed.
    """

    scale: str
    method: str
    score: str
    scores: dict[str, float]


class Sample:
    """Pairs of some pictures, ready to fit on or to be scored on.

    Args:
        embeddings: (N, D) unit rows.
        labels: (N, L) int64, finest scale first.
        prior: (L + 1,) that the pairs are weighted to.
        most: pairs for every number of shared scales.
        seed: of the samples.
    """

    def __init__(self, embeddings: NDArray, labels: Ints, prior: Floats, most: int, seed: int) -> None:
        self.labels = labels
        self.pairs = draw_pairs(labels, most, seed)
        self.similarity = pair_similarities(embeddings, self.pairs)
        self.weights = pair_weights(self.pairs.shared, prior)
        self.scales = labels.shape[1]

    def same(self, scale: int) -> np.ndarray:
        """Return whether each pair is of one class at a scale: (P,) bool."""
        return self.pairs.shared >= self.scales - scale

    def has_both(self, scale: int) -> bool:
        """Return whether there are same and different pairs, with some weight."""
        counted = self.weights > 0
        return 0 < int((self.same(scale) & counted).sum()) < int(counted.sum())

    def fit(self, scale: int, method: str) -> Curve:
        """Return the curve of a method; `constant` asks for no two kinds of pairs."""
        counted = self.weights > 0
        same, weights = self.same(scale)[counted], self.weights[counted]
        if method == "constant":
            return constant(same, weights)
        return FITS[method](self.similarity[counted], same, weights)

    def loss(self, scale: int, curve: Curve, score: str) -> float:
        """Return the proper score of a curve on these pairs."""
        return proper_score(score, curve(self.similarity), self.same(scale), self.weights)


def halves(labels: Ints, seed: int = 0) -> np.ndarray:
    """Share the fine classes out to two sides: (N,) bool, True for the second.

    Classes alternate in the order of the tree, in random order within their middle class, so that both sides
    hold about half of every coarser class.
    """
    lineage = np.unique(labels, axis=0)
    order = np.lexsort((np.random.default_rng(seed).random(len(lineage)), *lineage.T[1:]))
    second = np.zeros(len(lineage), dtype=bool)
    second[order[1::2]] = True
    return second[np.searchsorted(lineage[:, 0], labels[:, 0])]


def choose(
    embeddings: NDArray,
    labels: Ints,
    scales: Sequence[str],
    prior: Floats,
    score: str = "log_loss",
    most: int = 50_000,
    seed: int = 0,
) -> tuple[Choice, ...]:
    """Compare the methods on a split of the fine classes: each half predicts the pairs of the other.

    A split of the pairs would not do, since pairs share pictures; pairs across the halves are not used.

    Args:
        embeddings: (N, D) unit rows.
        labels: (N, L) int64, finest scale first.
        scales: L names.
        prior: (L + 1,) that pairs are weighted to.
        score: `log_loss` or `brier`.
        most: pairs for every number of shared scales, in each half.
        seed: of the split and the samples.

    Returns:
        One choice a scale. `logistic` where the halves are too small to compare: it has less to over-fit.
    """
    second = halves(labels, seed)
    whole = np.unique(labels[:, 0])
    sides = []
    if len(whole) > 1:
        sides = [Sample(embeddings[rows], labels[rows], prior, most, seed) for rows in (~second, second)]
    everything = draw_pairs(labels, most, seed)
    choices = []
    for m, scale in enumerate(scales):
        scores: dict[str, float] = {}
        if sides and all(side.has_both(m) for side in sides):
            for method in METHODS:
                losses = [b.loss(m, a.fit(m, method), score) for a, b in (sides, sides[::-1])]
                scores[method] = float(np.mean(losses))
        shared = everything.shared[prior[everything.shared] > 0]
        same = shared >= len(scales) - m
        method = min(scores, key=scores.__getitem__) if scores else "logistic"
        if same.all() or not same.any():
            method = "constant"
        choices.append(Choice(scale=scale, method=method, score=score, scores=scores))
    return tuple(choices)
