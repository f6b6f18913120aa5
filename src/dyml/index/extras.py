"""The engines are an extra: what is missing is said in one line."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from dyml.errors import RunError


def engine_module(name: str) -> Any:
    """Import lancedb or faiss when they are first needed.

    Raises:
        RunError: it is not installed; the text says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise RunError(f'galleries need {name}: pip install "dyml[index]"') from error


def numpy_call(index: Any, name: str) -> Callable[..., Any]:
    """Return a faiss index' own method for numpy arrays.

    Whoever imports faiss.contrib.torch_utils (pytorch-metric-learning does) replaces `search` and the like,
    in the whole process, by others that know no `params`; the own ones are then called `search_numpy`.
    """
    own: Callable[..., Any] = getattr(index, f"{name}_numpy", None) or getattr(index, name)
    return own
