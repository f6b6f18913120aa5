"""Cross-Scale Learning as loops over numbers, from its formula alone: shares no code with the package."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def naive_terms(
    x: Floats,
    own: NDArray[np.int64],
    w: Floats,
    lineage: NDArray[np.int64],
    margins: tuple[float, ...],
    scale: float,
) -> Floats:
    """Return log(1 + sum over the negatives of exp(scale * (s_j - s_p + margin))), (L, B)."""
    terms = np.zeros((len(margins), len(x)))
    for b, y in enumerate(own):
        s = [float(np.dot(x[b], proxy)) / math.sqrt(float(np.dot(proxy, proxy))) for proxy in w]
        for m, margin in enumerate(margins):
            exponents = [0.0]  # the 1 in the logarithm
            for j in range(len(w)):
                if lineage[j, m] != lineage[y, m]:
                    exponents.append(scale * (s[j] - s[y] + margin))
            top = max(exponents)
            terms[m, b] = top + math.log(math.fsum(math.exp(e - top) for e in exponents))
    return terms
