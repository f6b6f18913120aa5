"""The map: neighbourhoods are kept, results repeat, odd inputs do not break it."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dyml.report.projection import pca, project, tsne


def clusters(count: int = 180, classes: int = 6, dim: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = np.arange(count) % classes
    vectors = rng.normal(size=(classes, dim))[labels] + 0.4 * rng.normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def kept_neighbours(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points whose nearest point is of their class."""
    distances = np.square(points[:, None] - points[None]).sum(-1)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(1)] == labels).mean())


def test_tsne_keeps_the_clusters_together() -> None:
    vectors, labels = clusters()
    drawn = project(vectors)
    assert drawn.method == "t-SNE"
    assert_array_equal(drawn.rows, np.arange(180))
    assert kept_neighbours(drawn.points, labels) > 0.97
    assert_allclose(drawn.points.mean(0), 0, atol=1e-3)


def test_tsne_is_as_trustworthy_as_the_reference() -> None:
    manifold = pytest.importorskip("sklearn.manifold")
    vectors, _ = clusters()
    reference = manifold.TSNE(init="pca", random_state=0).fit_transform(vectors)
    ours = manifold.trustworthiness(vectors, project(vectors).points)
    assert ours > manifold.trustworthiness(vectors, reference) - 0.01


def test_maps_repeat_and_samples_follow_the_seed() -> None:
    vectors, _ = clusters()
    first, again, other = (project(vectors, most=60, seed=seed) for seed in (0, 0, 1))
    assert_array_equal(first.rows, again.rows)
    assert_array_equal(first.points, again.points)
    assert first.total == 180
    assert len(first.rows) == 60
    assert first.rows.tolist() != other.rows.tolist()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_few_points_are_placed_by_pca(count: int) -> None:
    drawn = project(clusters()[0][:count])
    assert drawn.method == "PCA"
    assert drawn.points.shape == (count, 2)
    assert np.isfinite(drawn.points).all()


def test_equal_embeddings_stay_finite() -> None:
    drawn = project(np.ones((40, 4), dtype=np.float32) / 2)
    assert drawn.method == "PCA"
    assert np.isfinite(drawn.points).all()


def test_copies_and_one_dimension_stay_finite() -> None:
    values = np.repeat(np.array([[1.0], [-1.0]], dtype=np.float32), 30, axis=0)
    assert np.isfinite(project(values).points).all()
    vectors = np.repeat(clusters()[0][:10], 8, axis=0)
    points = tsne(torch.as_tensor(vectors), pca(torch.as_tensor(vectors)))
    assert torch.isfinite(points).all()


def test_pca_finds_the_two_widest_directions_with_a_fixed_sign() -> None:
    rng = np.random.default_rng(0)
    vectors = torch.as_tensor(rng.normal(size=(500, 5)) * [0.1, 5, 0.1, 2, 0.1], dtype=torch.float32)
    plane = pca(vectors)
    for place, column in enumerate((1, 3)):
        correlation = np.corrcoef(plane[:, place], vectors[:, column])[0, 1]
        assert abs(correlation) > 0.99
        assert plane[plane[:, place].abs().argmax(), place] > 0
