"""Bootstrap replicates of the error rates, by drawing whole classes or pictures again, not pairs.

Pairs share pictures, and pictures of one class resemble each other, so pairs are far from independent:
drawing pairs would make intervals much too narrow. Here every fine class (or picture) is drawn c times, and a
pair counts c₁ · c₂ times; a pair within one class counts c times, since a class drawn twice stands for two
classes.
"""

from typing import Literal

import numpy as np

from dyml.gauge.pairs import Floats, Ints, Pairs
from dyml.gauge.rates import Rates, all_rates, places, rates_at, thinned

Unit = Literal["class", "picture"]
UNITS = ("class", "picture")


def bootstrap_rates(
    similarity: Floats,
    pairs: Pairs,
    labels: Ints,
    replicates: int = 200,
    unit: str = "class",
    seed: int = 0,
) -> list[Rates]:
    """Return the rates of bootstrap replicates, at a few thousand thresholds.

    Args:
        similarity: (P,) of the pairs.
        pairs: which rows they are of.
        labels: (N, L) int64, finest scale first.
        replicates: how many; 0 gives none.
        unit: what is drawn with replacement: fine classes (`class`) or pictures (`picture`).
        seed: of the draws.
    """
    units = np.unique(labels[:, 0], return_inverse=True)[1].reshape(-1)
    if unit == "picture":
        units = np.arange(len(labels))
    count = int(units.max()) + 1
    scales = labels.shape[1]
    cuts = thinned(all_rates(similarity, pairs.shared, scales), steps=1024).cuts
    place = places(similarity, cuts)
    first, second = units[pairs.first], units[pairs.second]
    within = first == second
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(replicates):
        drawn = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        weights = drawn[first] * np.where(within, 1.0, drawn[second])
        made.append(rates_at(place, pairs.shared, scales, cuts, weights))
    return made
