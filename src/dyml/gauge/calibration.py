"""From similarity to P(same class) at one scale: isotonic or logistic, by what they say of unseen classes.

Both are scikit-learn's. To each fit two pairs are added, a same pair at the lowest similarity and a different
one at the highest: Laplace's rule, so that no probability is 0 or 1 because a sample is small.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dyml.gauge.pairs import Floats

Score = Literal["log_loss", "brier"]
Bools = np.ndarray
METHODS = ("isotonic", "logistic")
SCORES = ("log_loss", "brier")
_STEPS = 513
_LOGISTIC = {"C": 1000.0, "solver": "newton-cholesky", "tol": 1e-9, "max_iter": 200}


@dataclass(frozen=True, eq=False)
class Curve:
    """P(same) that rises with similarity: straight between knots, constant beyond them.

    Attributes:
        similarity: (K,) float64, rising.
        chance: (K,) float64, never falling.
    """

    similarity: Floats
    chance: Floats

    def __call__(self, similarity: Floats) -> Floats:
        """Return P(same) at similarities of any shape."""
        return np.interp(similarity, self.similarity, self.chance)


def isotonic(similarity: Floats, same: Bools, weights: Floats) -> Curve:
    """Fit the rising curve of least squared error (pool adjacent violators).

    Args:
        similarity: (P,).
        same: (P,) bool; both kinds occur.
        weights: (P,) positive.
    """
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    fitted.fit(*_with_two_more(similarity, same, weights))
    return Curve(
        np.asarray(fitted.X_thresholds_, dtype=np.float64),
        np.maximum.accumulate(np.asarray(fitted.y_thresholds_, dtype=np.float64)),
    )


def logistic(similarity: Floats, same: Bools, weights: Floats) -> Curve:
    """Fit P(same) = 1 / (1 + exp(−(a · similarity + b))) with a ≥ 0; see `isotonic`.

    The curve is the function at 513 knots over the range of the similarities.
    """
    from sklearn.linear_model import LogisticRegression

    low, high = float(similarity.min()), float(similarity.max())
    x, y, w = _with_two_more(similarity, same, weights)
    knots = np.linspace(low, high, _STEPS) if high > low else np.array([low])
    spread = float(x.std())
    constant = Curve(knots, np.full(len(knots), float((w * y).sum() / w.sum())))
    if spread == 0:
        return constant
    fitted = LogisticRegression(**_LOGISTIC)
    fitted.fit(((x - x.mean()) / spread)[:, None], y.astype(int), sample_weight=w * (len(w) / w.sum()))
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:
        return constant
    odds = slope * (knots - x.mean()) / spread + offset
    return Curve(knots, 1 / (1 + np.exp(-np.clip(odds, -700, 700))))


FITS: dict[str, Callable[[Floats, Bools, Floats], Curve]] = {"isotonic": isotonic, "logistic": logistic}


def constant(same: Bools, weights: Floats) -> Curve:
    """Return the level curve of a scale with only one kind of pairs, by Laplace's rule."""
    typical = float(weights.mean())
    chance = (float(weights[same].sum()) + typical) / (float(weights.sum()) + 2 * typical)
    return Curve(np.array([0.0]), np.array([chance]))


def proper_score(kind: str, chance: Floats, same: Bools, weights: Floats) -> float:
    """Return the weighted mean `log_loss` (in nats) or `brier` score of predictions; lower is better."""
    if kind == "brier":
        loss = np.square(chance - same)
    else:
        safe = np.clip(chance, 1e-12, 1 - 1e-12)
        loss = -np.where(same, np.log(safe), np.log1p(-safe))
    return float((weights * loss).sum() / weights.sum())


def _with_two_more(similarity: Floats, same: Bools, weights: Floats) -> tuple[Floats, Floats, Floats]:
    ends = [similarity.min(), similarity.max()]
    added = [weights[same].min(), weights[~same].min()]
    return np.r_[similarity, ends], np.r_[same, [True, False]].astype(np.float64), np.r_[weights, added]
