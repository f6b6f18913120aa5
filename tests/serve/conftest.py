"""One tiny service for the tests that only ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from serve_parts import tiny_app, tiny_gauge

from dyml.gauge import Gauge


@pytest.fixture(scope="session")
def gauge() -> Gauge:
    return tiny_gauge()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, gauge: Gauge) -> Iterator[TestClient]:
    with TestClient(tiny_app(tmp_path_factory.mktemp("service") / "gallery", gauge)) as made:
        yield made


@pytest.fixture
def own_client(tmp_path: Path, gauge: Gauge) -> Iterator[TestClient]:
    """A service that a test may change."""
    with TestClient(tiny_app(tmp_path / "gallery", gauge)) as made:
        yield made
