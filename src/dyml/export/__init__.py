"""Embedders for ONNX Runtime: exported with all that their pictures need, checked, made smaller, and run."""

from dyml.export.checking import Agreement, compare_with_torch
from dyml.export.description import Description, read_description
from dyml.export.graph import export_onnx
from dyml.export.quantising import quantise
from dyml.export.runtime import OnnxEmbedder, open_onnx

__all__ = [
    "Agreement",
    "Description",
    "OnnxEmbedder",
    "compare_with_torch",
    "export_onnx",
    "open_onnx",
    "quantise",
    "read_description",
]
