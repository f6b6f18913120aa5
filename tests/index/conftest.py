"""Galleries for the tests; the contract tests run on every engine."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lancedb")
pytest.importorskip("faiss")
sys.path.insert(0, str(Path(__file__).parent))

from dyml.gauge import Gauge, fit_gauge
from dyml.index import Gallery

SCALES = ("fine", "middle", "coarse")
ENGINES = ("lance",)
Make = Callable[..., Gallery]


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make galleries of the engine that is tested, of 4 numbers and three scales if nothing else is said."""
    made: list[Gallery] = []

    def create(
        name: str = "gallery", dim: int = 4, scales: tuple[str, ...] = SCALES, **more: object
    ) -> Gallery:
        assert request.param == "lance"
        made.append(Gallery.create(tmp_path / name, dim, scales, **more))  # type: ignore[arg-type]
        return made[-1]

    return create


@pytest.fixture(scope="session")
def gauge() -> Gauge:
    """A gauge of vectors of 4 numbers in two levels of classes."""
    rng = np.random.default_rng(0)
    fine = np.arange(240) // 6
    labels = np.stack([fine, fine // 5, fine // 20], axis=1)
    coarse = rng.normal(size=(2, 4))[fine // 20]
    vectors = coarse + 0.5 * rng.normal(size=(8, 4))[fine // 5] + 0.3 * rng.normal(size=(40, 4))[fine]
    vectors += 0.1 * rng.normal(size=(240, 4))
    return fit_gauge(vectors, labels, SCALES, most=3000, replicates=0)
