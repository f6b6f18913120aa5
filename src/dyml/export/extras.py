"""ONNX is an extra: what is missing is said in one line."""

from importlib import import_module
from typing import Any

from dyml.errors import RunError


def onnx_module(name: str) -> Any:
    """Import onnx, onnxscript or a part of onnxruntime when it is first needed.

    Raises:
        RunError: it is not installed; the text says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise RunError(f'ONNX models need {package}: pip install "dyml[export]"') from error
