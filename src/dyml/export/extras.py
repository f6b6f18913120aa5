"""ONNX is an extra: what is missing is said in one line."""

from typing import Any

from dyml.imports import extra_module


def onnx_module(name: str) -> Any:
    """Import onnx, onnxscript or a part of onnxruntime when it is first needed.

    Raises:
        RunError: it is not installed; the text says what to install.
    """
    return extra_module(name, "ONNX models", "export")
