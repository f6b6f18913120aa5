"""The engines are an extra: what is missing is said in one line."""

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
