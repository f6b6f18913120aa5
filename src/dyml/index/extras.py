"""The engines are an extra: what is missing is said in one line."""

from collections.abc import Callable
from typing import Any

from dyml.imports import extra_module


def engine_module(name: str) -> Any:
    """Import lancedb or faiss when they are first needed.

    Raises:
        RunError: it is not installed; the text says what to install.
    """
    return extra_module(name, "galleries", "index")


def numpy_call(index: Any, name: str) -> Callable[..., Any]:
    """Return a faiss index' own method for numpy arrays.

    Whoever imports faiss.contrib.torch_utils (pytorch-metric-learning does) replaces `search` and the like,
    in the whole process, by others that know no `params`; the own ones are then called `search_numpy`.
    """
    own: Callable[..., Any] = getattr(index, f"{name}_numpy", None) or getattr(index, name)
    return own
