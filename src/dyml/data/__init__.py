"""Data sets on disk and the pictures in them."""

from dyml.data.images import open_image
from dyml.data.manifest import Manifest, read_manifest, write_manifest

__all__ = ["Manifest", "open_image", "read_manifest", "write_manifest"]
