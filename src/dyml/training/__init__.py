"""Training: from a configuration to a run folder with a model, its measures and a report.

What trains is loaded when it is first asked for, so that settings can be read and checked at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dyml.training.config import Config
from dyml.training.settings import load_config

if TYPE_CHECKING:
    from dyml.training.run import Outcome, resume, train

__all__ = ["Config", "Outcome", "load_config", "resume", "train"]


def __getattr__(name: str) -> Any:
    """Import what trains, on first use."""
    if name in ("Outcome", "resume", "train"):
        return getattr(import_module("dyml.training.run"), name)
    raise AttributeError(f"module 'dyml.training' has no attribute {name!r}")
