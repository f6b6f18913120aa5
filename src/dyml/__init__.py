"""Dynamic metric learning: one image embedding whose distances work at several semantic scales at once.

The heavy parts (torch, timm, lightning) load on first use, so `import dyml` takes a fraction of a second.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

_LAZY = {
    "DymlError": "dyml.errors",
    "Embedder": "dyml.models",
    "Manifest": "dyml.data",
    "Taxonomy": "dyml.taxonomy",
    "evaluate": "dyml.metrics",
}
_ROOMS = (
    "data",
    "errors",
    "exchange",
    "export",
    "files",
    "gauge",
    "index",
    "losses",
    "metrics",
    "models",
    "report",
    "serve",
    "taxonomy",
    "training",
)

__all__ = ["DymlError", "Embedder", "Manifest", "Taxonomy", "__version__", "evaluate"]

if TYPE_CHECKING:
    from dyml.data import Manifest
    from dyml.errors import DymlError
    from dyml.metrics import evaluate
    from dyml.models import Embedder
    from dyml.taxonomy import Taxonomy


def __getattr__(name: str) -> Any:
    """Import a public name, or one of the package's rooms, when it is first asked for."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name in _ROOMS:
        return import_module(f"dyml.{name}")
    raise AttributeError(f"module 'dyml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_ROOMS})
