"""The tree of classes over all scales, ordered fine to coarse.

A label table `(N, L)` gives every picture's class at each of L scales, column 0 the finest. Its lineage
`(F, L)` has one row a fine class. A taxonomy is the lineage after the check that it is a tree: every class
at scale m lies in exactly one class at scale m + 1.
"""

from dyml.taxonomy.checks import check_nesting
from dyml.taxonomy.drawing import draw_tree
from dyml.taxonomy.labels import dense_labels, first_seen_labels, shared_scales
from dyml.taxonomy.tree import Taxonomy

__all__ = [
    "Taxonomy",
    "check_nesting",
    "dense_labels",
    "draw_tree",
    "first_seen_labels",
    "shared_scales",
]
