"""Choose a few scales out of a deeper tree, and fill the levels that some branches lack.

The rule for a level that a branch lacks: it is what the other branches of the same next finer class have
there, if they agree; else a class of its own for that finer class, named `Felis (genus)`. So a filled class
holds one branch, never a heap of strangers. Pictures that lack the finest chosen level are left out.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from dyml.data.builders.source import Lineage, Source
from dyml.data.scan import qualified_names
from dyml.errors import ManifestError, suggest


@dataclass(frozen=True)
class Chosen:
    """The chosen scales of a source.

    Attributes:
        source: the pictures that have the finest scale.
        scales: fine to coarse.
        columns: per scale, the class name of every picture.
        filled: per scale, how many lineages lacked it.
        left_out: how many pictures lack the finest scale.
        renamed: per scale, how many classes carry their parent's name because another has the same.
    """

    source: Source
    scales: tuple[str, ...]
    columns: dict[str, list[str]]
    filled: dict[str, int]
    left_out: int
    renamed: dict[str, int]


def choose_scales(source: Source, scales: Sequence[str] | None = None, count: int = 3) -> Chosen:
    """Name the class of every picture at a few levels of a source.

    Args:
        source: pictures with lineages.
        scales: the wanted levels, fine to coarse. None takes the finest and those that thin the classes out
            most evenly: the smallest ratio between the numbers of classes of two neighbours is as large as
            can be.
        count: how many levels, where `scales` is None; fewer if the source has fewer.

    Raises:
        ManifestError: there is no such level, they are not in order, or no picture is left.
    """
    lineages = fill_lineages(source.lineages, source.levels)
    chosen = _spread(lineages, source.levels, count) if scales is None else checked_levels(source, scales)
    places = [source.levels.index(scale) for scale in chosen]
    has_finest = np.array([bool(lineage[places[0]]) for lineage in source.lineages], dtype=bool)
    rows = np.flatnonzero(has_finest[source.leaf])
    if not len(rows):
        raise ManifestError(f"{source.root}: no picture has a {chosen[0]}; choose a coarser finest scale")
    kept = source if len(rows) == len(source) else source.keep(rows)
    used = np.unique(kept.leaf).tolist()
    # qualified_names counts coarse to fine, as folders do.
    folders = {leaf: tuple(lineages[leaf][place] for place in reversed(places)) for leaf in used}
    names = qualified_names(folders.values())
    columns, filled, renamed = {}, {}, {}
    for depth, scale in enumerate(reversed(chosen), start=1):
        level = names[depth - 1]
        by_leaf = {leaf: level[folder[:depth]] for leaf, folder in folders.items()}
        columns[scale] = [by_leaf[leaf] for leaf in kept.leaf.tolist()]
        place = source.levels.index(scale)
        filled[scale] = sum(not source.lineages[leaf][place] for leaf in used)
        renamed[scale] = sum(name != folder[-1] for folder, name in level.items())
    return Chosen(
        kept,
        tuple(chosen),
        {scale: columns[scale] for scale in chosen},
        {scale: n for scale, n in filled.items() if n},
        len(source) - len(rows),
        {scale: n for scale, n in renamed.items() if n},
    )


def fill_lineages(lineages: Sequence[Lineage], levels: Sequence[str]) -> list[Lineage]:
    """Fill what is missing in lineages by the rule above; what is missing at the finest levels stays empty.

    Args:
        lineages: names fine to coarse, empty where missing.
        levels: the names of the levels.

    >>> fill_lineages([("lion", "Panthera", ""), ("cat", "", "cats")], ("species", "genus", "family"))
    [('lion', 'Panthera', 'Panthera (genus)'), ('cat', 'cat (species)', 'cats')]
    """
    table = [list(lineage) for lineage in lineages]
    stand_ins: set[str] = set()
    for level in range(1, len(levels)):
        # Everything finer is filled by now, so that all branches of one finer class are treated alike.
        known: defaultdict[str, set[str]] = defaultdict(set)
        for names in table:
            if names[level]:
                known[names[level - 1]].add(names[level])
        for names in table:
            below = names[level - 1]
            if names[level] or not below:
                continue
            others = known.get(below, set())
            word = below if below in stand_ins else f"{below} ({levels[level - 1]})"
            names[level] = next(iter(others)) if len(others) == 1 else word
            stand_ins.add(word)
    return [tuple(names) for names in table]


def checked_levels(source: Source, scales: Sequence[str]) -> list[str]:
    """Return the chosen levels of a source.

    Raises:
        ManifestError: one is not there, comes twice, or they are not fine to coarse.
    """
    for scale in scales:
        if scale not in source.levels:
            raise ManifestError(
                f"no level {scale!r}; the source has {', '.join(source.levels)}, fine to coarse."
                f"{suggest(scale, source.levels)}"
            )
    places = [source.levels.index(scale) for scale in scales]
    if not places or any(finer >= coarser for finer, coarser in pairwise(places)):
        right = [source.levels[place] for place in sorted(set(places))]
        raise ManifestError(
            f"scales are named fine to coarse, each once; got {','.join(scales)}. "
            f"Did you mean {','.join(right or source.levels)}?"
        )
    return list(scales)


def _spread(lineages: Sequence[Lineage], levels: Sequence[str], count: int) -> list[str]:
    if count < 1:
        raise ManifestError(f"the number of scales must be 1 or more; got {count}")
    classes = {
        level: len({lineage[place:] for lineage in lineages if lineage[place]})
        for place, level in enumerate(levels)
    }
    finest = next((level for level in levels if classes[level]), levels[0])
    candidates = [finest]
    for level in levels[levels.index(finest) + 1 :]:
        if 1 < classes[level] < classes[candidates[-1]]:
            candidates.append(level)
    if len(candidates) <= count:
        return candidates

    def evenness(rest: tuple[str, ...]) -> float:
        chain = [finest, *rest]
        return min((math.log(classes[a] / classes[b]) for a, b in pairwise(chain)), default=0.0)

    # Of equally even ones the first, which has the finer scales.
    return [finest, *max(combinations(candidates[1:], count - 1), key=evenness)]
