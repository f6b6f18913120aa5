"""Smooth hierarchical average precision as loops over numbers, from its formula alone."""

import math


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0


def naive_precision(
    s: list[float],
    levels: list[int],
    num_scales: int,
    alpha: float = 1.0,
    tau: float = 0.01,
    delta: float = 0.05,
    rho: float = 100.0,
    offset: float | None = None,
    surrogate: str = "bound",
) -> float:
    """Return H-AP of one query whose items share `levels` scales with it; -1 leaves an item out."""
    top = 0.5 + sigmoid(delta / tau) if offset is None else offset
    r = [(v / num_scales) ** alpha / levels.count(v) if v > 0 else 0.0 for v in levels]
    total = 0.0
    for k, level in enumerate(levels):
        if level <= 0:
            continue
        rank, h_rank = 1.0, r[k]
        for j, other in enumerate(levels):
            if j == k or other < 0:
                continue
            t = s[j] - s[k]
            exact = 1.0 if t >= 0 else 0.0
            if surrogate == "sigmoid":
                in_rank = in_h_rank = sigmoid(t / tau)
            elif other >= level:
                in_rank = in_h_rank = exact
            else:
                in_h_rank = exact
                if t <= 0:
                    in_rank = sigmoid(t / tau)
                elif t <= delta:
                    in_rank = 0.5 + sigmoid(t / tau)
                else:
                    in_rank = rho * (t - delta) + top
            rank += in_rank
            if other > 0:
                h_rank += min(r[j], r[k]) * in_h_rank
        total += h_rank / rank
    return total / sum(r) if sum(r) else 0.0
