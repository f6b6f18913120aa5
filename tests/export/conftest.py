"""One small embedder, exported once for all tests."""

from pathlib import Path

import pytest
import torch

from dyml.export import export_onnx
from dyml.models import Embedder
from dyml.taxonomy import Taxonomy


@pytest.fixture(scope="session")
def embedder() -> Embedder:
    torch.manual_seed(0)
    made = Embedder("dyml_small", dim=12, image_size=16, resize=20, backbone_args={"width": 4}).eval()
    made.taxonomy = Taxonomy.from_labels([[0, 0], [1, 0], [2, 1]], ("kind", "family"))
    return made


@pytest.fixture(scope="session")
def exported(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(embedder, file)
    return file
