"""The tree as text."""

from typing import TYPE_CHECKING

import numpy as np

from dyml.taxonomy.labels import Ints

if TYPE_CHECKING:
    from dyml.taxonomy.tree import Taxonomy


def draw_tree(taxonomy: "Taxonomy", most: int = 4) -> str:
    """Draw the tree as text, coarse to fine, in depth-first order.

    Args:
        taxonomy: the tree.
        most: this many branches are drawn at the coarsest scale (one more where it is the last) and half as
            many at each finer one; the rest are counted.

    Returns:
        Lines joined by line ends. In brackets, the number of fine classes below a node.
    """
    lines = [f"Taxonomy: {taxonomy.summary}"]

    def grow(rows: Ints, scale: int, most: int, indent: str) -> None:
        ids = taxonomy.lineage[rows, scale]
        starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        stops = np.r_[starts[1:], len(rows)]
        shown = len(starts) if len(starts) <= most + 1 else most
        for place in range(shown):
            group = rows[starts[place] : stops[place]]
            last = place == len(starts) - 1
            size = f" ({len(group):,})" if scale > 0 else ""
            name = taxonomy.name(scale, int(ids[starts[place]]))
            lines.append(f"{indent}{'└─' if last else '├─'} {name}{size}")
            if scale > 0:
                grow(group, scale - 1, max(1, most // 2), indent + ("   " if last else "│  "))
        if shown < len(starts):
            lines.append(f"{indent}└─ … {len(starts) - shown:,} more")

    grow(taxonomy.order, taxonomy.num_scales - 1, most, "")
    return "\n".join(lines)
