"""From other sources to manifests: one builder a file, with shared machinery for scales, thinning and split.

Each builder reads a source's own released files into a `Source`; `build_manifest` writes it as a manifest
with an open-set split. No picture is copied.
"""

from dyml.data.builders.build import Built, build_manifest
from dyml.data.builders.card import write_card
from dyml.data.builders.class_folders import read_class_folders
from dyml.data.builders.comp_cars import read_comp_cars
from dyml.data.builders.cub import read_cub
from dyml.data.builders.hugging_face import read_hugging_face
from dyml.data.builders.imaterialist import read_imaterialist
from dyml.data.builders.inaturalist import read_inaturalist
from dyml.data.builders.joining import join_sources, read_vehicles
from dyml.data.builders.online_products import read_online_products
from dyml.data.builders.scales import choose_scales, fill_lineages
from dyml.data.builders.source import Source, source_of
from dyml.data.builders.tabular import read_tabular
from dyml.data.builders.tree_file import read_tree
from dyml.data.builders.vehicle_id import read_vehicle_id
from dyml.data.builders.veri_wild import read_veri_wild

__all__ = [
    "Built",
    "Source",
    "build_manifest",
    "choose_scales",
    "fill_lineages",
    "join_sources",
    "read_class_folders",
    "read_comp_cars",
    "read_cub",
    "read_hugging_face",
    "read_imaterialist",
    "read_inaturalist",
    "read_online_products",
    "read_tabular",
    "read_tree",
    "read_vehicle_id",
    "read_vehicles",
    "read_veri_wild",
    "source_of",
    "write_card",
]
