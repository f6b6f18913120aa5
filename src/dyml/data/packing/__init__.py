"""Packs: pictures brought to size once, kept as raw pixels that any number of processes map into memory."""

from dyml.data.packing.dataset import PackedDataset
from dyml.data.packing.pack import Pack
from dyml.data.packing.shards import Recipe
from dyml.data.packing.writing import PackReport, pack_folder, pack_manifest, verify_pack

__all__ = ["Pack", "PackReport", "PackedDataset", "Recipe", "pack_folder", "pack_manifest", "verify_pack"]
