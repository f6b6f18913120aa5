"""Embeddings of a random tree, for the gauge's tests, and brute force in plain Python."""

import numpy as np
from numpy.typing import NDArray


def tree_data(
    scales: int = 3, branches: int = 3, pictures: int = 4, dim: int = 8, noise: float = 0.5, seed: int = 0
) -> tuple[NDArray, NDArray]:
    """Embeddings (N, D) and labels (N, L): every class has `branches` children, fine classes `pictures`."""
    rng = np.random.default_rng(seed)
    fine = branches**scales
    lineage = np.stack([np.arange(fine) // branches**m for m in range(scales)], axis=1)
    labels = np.repeat(lineage, pictures, axis=0)
    centres = sum(
        rng.normal(size=(branches ** (scales - m), dim))[labels[:, m]] * 1.5**m for m in range(scales)
    )
    return centres + noise * rng.normal(size=centres.shape), labels


def all_pairs(embeddings: NDArray, labels: NDArray) -> list[tuple[float, int]]:
    """(similarity, number of shared scales) of every pair, one by one."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    return [
        (float(unit[i] @ unit[j]), int((labels[i] == labels[j]).sum()))
        for i in range(len(unit))
        for j in range(i + 1, len(unit))
    ]


def error_rates(pairs: list[tuple[float, int]], scales: int, m: int, cut: float) -> tuple[float, float]:
    """(false accept rate, false reject rate) at scale m, counted one by one."""
    same = [s for s, shared in pairs if shared >= scales - m]
    different = [s for s, shared in pairs if shared < scales - m]
    return sum(s >= cut for s in different) / len(different), sum(s < cut for s in same) / len(same)
