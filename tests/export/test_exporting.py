"""An export that does not agree takes nobody's place."""

from pathlib import Path

import pytest

import dyml.export.exporting as module
from dyml.errors import RunError
from dyml.export import Agreement
from dyml.export.exporting import export_source
from dyml.models import Embedder


def test_an_export_that_differs_leaves_the_old_one(
    embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder.save_pretrained(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"old")
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(module, "compare_with_torch", lambda *_: Agreement(3, 0.02, 0.9))
    with pytest.raises(RunError, match=r"differs from PyTorch by up to 0\.02: nothing was written"):
        export_source(str(tmp_path))
    assert (tmp_path / "model.onnx").read_bytes() == b"old"
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_model_of_the_hub_needs_a_name_for_the_file(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "open_source", lambda source: (embedder, None))
    with pytest.raises(RunError, match="name the file to write"):
        export_source("hub:me/it")
