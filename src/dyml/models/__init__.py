"""Models: from pictures to unit vectors."""

from dyml.models.backbones import SMALL, make_backbone
from dyml.models.embedder import Embedder
from dyml.models.small import SmallNet

__all__ = ["SMALL", "Embedder", "SmallNet", "make_backbone"]
