"""Models: from pictures to unit vectors."""

from dyml.models.backbones import SMALL, make_backbone
from dyml.models.embedder import Embedder
from dyml.models.embedding import embed_batches, embed_manifest
from dyml.models.small import SmallNet

__all__ = ["SMALL", "Embedder", "SmallNet", "embed_batches", "embed_manifest", "make_backbone"]
