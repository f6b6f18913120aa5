"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures beside the checkout; skips where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("no real pictures beside the checkout")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of expected values beside the checkout; skips where it is absent."""
    folder = SHARED / "golden"
    if not folder.is_dir():
        pytest.skip("no expected values beside the checkout")
    return folder
