"""From other sources to manifests: one builder a file, with shared machinery for scales, thinning and split.

Each builder reads a source's own released files into a `Source`; `build_manifest` writes it as a manifest
with an open-set split. No picture is copied.
"""

from dyml.data.builders.build import Built, build_manifest
from dyml.data.builders.cub import read_cub
from dyml.data.builders.inaturalist import read_inaturalist
from dyml.data.builders.online_products import read_online_products
from dyml.data.builders.scales import choose_scales, fill_lineages
from dyml.data.builders.source import Source, source_of
from dyml.data.builders.tabular import read_tabular

__all__ = [
    "Built",
    "Source",
    "build_manifest",
    "choose_scales",
    "fill_lineages",
    "read_cub",
    "read_inaturalist",
    "read_online_products",
    "read_tabular",
    "source_of",
]
