"""A map of embeddings on a plane: exact t-SNE of up to two thousand points, or two PCA axes for a few."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FEWEST = 12


@dataclass(frozen=True)
class Projection:
    """Points of a map.

    Attributes:
        rows: (P,) int64, ascending: the embeddings that are on the map.
        points: (P, 2) float32, centred.
        method: `t-SNE` or `PCA`.
        total: how many embeddings there are.
    """

    rows: NDArray[np.int64]
    points: Floats
    method: str
    total: int


def project(embeddings: Floats, most: int = 1500, seed: int = 0) -> Projection:
    """Place embeddings, or an even sample of `most` of them, on a plane.

    Args:
        embeddings: (N, D) float32 unit vectors.
        most: how many points the map has at most; t-SNE takes time and memory by its square.
        seed: what the sample depends on.
    """
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(embeddings))[:most])
    taken = torch.as_tensor(np.ascontiguousarray(embeddings[rows]))
    plane = pca(taken)
    if len(rows) < _FEWEST or float(plane.std()) < 1e-6:
        return Projection(rows, plane.numpy(), "PCA", len(embeddings))
    return Projection(rows, tsne(taken, plane).numpy(), "t-SNE", len(embeddings))


def pca(vectors: torch.Tensor) -> torch.Tensor:
    """Return the first two principal components, (P, 2) float32, each with its largest entry positive."""
    centred = vectors - vectors.mean(0)
    _, _, axes = torch.linalg.svd(centred.T @ centred)
    plane = centred @ axes[:2].T
    if plane.shape[1] < 2:
        plane = torch.nn.functional.pad(plane, (0, 2 - plane.shape[1]))
    largest = plane.gather(0, plane.abs().argmax(0, keepdim=True))
    return plane * torch.where(largest < 0, -1.0, 1.0)


def tsne(
    vectors: torch.Tensor, start: torch.Tensor, perplexity: float = 30.0, steps: int = 350
) -> torch.Tensor:
    """Return the exact t-SNE map of unit vectors.

    Gradient descent with momentum and gains, from the scaled `start`: affinities exaggerated 12-fold for the
    first 100 steps. No randomness. van der Maaten and Hinton, "Visualizing Data using t-SNE", JMLR 2008.

    Args:
        vectors: (P, D) float32, P > 3.
        start: (P, 2) float32, where the points begin, at any size.
        perplexity: how many neighbours each point attends to, at most (P - 1) / 3.
        steps: how many steps of gradient descent.
    """
    count = len(vectors)
    affinity = _affinities(vectors, min(perplexity, (count - 1) / 3))
    points = start / start.std().clamp(min=1e-12) * 1e-2
    speed, gains = torch.zeros_like(points), torch.ones_like(points)
    rate = max(count / 12.0 / 4.0, 50.0)
    affinity *= 12.0
    kernel, pull = torch.empty_like(affinity), torch.empty_like(affinity)
    for step in range(steps):
        early = step < 100
        if step == 100:
            affinity /= 12.0
        _squared_distances(points, out=kernel).add_(1.0).reciprocal_().fill_diagonal_(0.0)
        torch.sub(affinity, kernel, alpha=1.0 / float(kernel.sum()), out=pull).mul_(kernel)
        sums = pull @ torch.nn.functional.pad(points, (0, 1), value=1.0)
        gradient = 4.0 * (sums[:, 2:] * points - sums[:, :2])
        against = (gradient * speed) < 0
        gains = torch.where(against, gains + 0.2, gains * 0.8).clamp(min=0.01)
        speed = speed * (0.5 if early else 0.8) - rate * gains * gradient
        points = points + speed
        points = points - points.mean(0)
    return points


def _affinities(vectors: torch.Tensor, perplexity: float) -> torch.Tensor:
    """Return symmetric neighbour probabilities (P, P) whose rows have the given perplexity, by bisection."""
    distances = _squared_distances(vectors)
    count = len(vectors)
    itself = torch.eye(count, dtype=torch.bool)
    distances = distances - distances.masked_fill(itself, torch.inf).amin(1, keepdim=True)
    low, high = torch.zeros(count, 1), torch.full((count, 1), 1e6)
    for _ in range(50):
        middle = torch.where(high > 1e5, (low + 1.0) * 2.0, (low + high) / 2.0)
        chance = (-distances * middle).exp().masked_fill(itself, 0.0)
        total = chance.sum(1, keepdim=True)
        entropy = total.log() + middle * (distances * chance).sum(1, keepdim=True) / total
        wide = entropy > np.log(perplexity)
        low, high = torch.where(wide, middle, low), torch.where(wide, high, middle)
        chance /= total
    return (chance + chance.T).clamp(min=1e-12) / (2.0 * count)


def _squared_distances(points: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    norms = points.square().sum(1)
    dots = torch.matmul(points, points.T, out=out)
    return dots.mul_(-2.0).add_(norms[:, None]).add_(norms[None]).clamp_(min=0.0)
