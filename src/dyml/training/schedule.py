"""The rate of learning over a run."""

import math


def warmup_cosine(step: int, total: int, warmup: int, end: float = 0.0) -> float:
    """Return the share of the highest rate at a step: a straight rise, then half a cosine down to `end`.

    Args:
        step: 0 … total; the rate that step `step` is made with.
        total: steps of the run.
        warmup: steps of the rise; the first step already moves.
        end: the share at the last step; 1 keeps the rate constant.

    >>> [round(warmup_cosine(step, total=6, warmup=2), 2) for step in range(7)]
    [0.5, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
