"""Who wins where, in words that follow from the numbers alone."""

from collections.abc import Mapping, Sequence

from dyml.report.text import listed
from dyml.study.records import Record, scales_of, spread_of
from dyml.study.statistics import Spread, Standing, pooled_std, standing

JUDGED = (("overall", "mAP"), ("overall", "ASI"), ("overall", "CMC@1"), ("multi", "H-AP"))


def by_method(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Group records by method, in the order of their appearance."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.method, []).append(record)
    return found


def spreads(records: Sequence[Record], scale: str, name: str) -> dict[str, Spread]:
    """Return by method the spread of a measure of one set, in percent; methods without it are left out."""
    found = {method: spread_of(own, scale, name) for method, own in by_method(records).items()}
    return {method: one for method, one in found.items() if one is not None}


def standing_of(records: Sequence[Record], scale: str, name: str) -> Standing | None:
    """Say who is ahead in a measure of one set; None where no run has it."""
    found = spreads(records, scale, name)
    return standing(found, pooled_std(list(found.values()))) if found else None


def verdict(records: Sequence[Record], scale: str, name: str, titles: Mapping[str, str]) -> str:
    """Return a sentence on one measure of one set."""
    found = spreads(records, scale, name)
    place = name if scale in ("overall", "multi") else f"{scale} {name}"
    if not found:
        return f"{place}: no figures."
    if len(found) == 1:
        only = next(iter(found))
        return f"{place}: {titles[only]} alone was run ({found[only].mean:.1f})."
    result = standing(found, pooled_std(list(found.values())))
    shown = [f"{titles[method]} ({found[method].mean:.1f})" for method in result.level]
    if result.margin is None:
        second = sorted(found, key=lambda method: -found[method].mean)[1]
        return (
            f"{place}: {titles[result.best]} has the highest figure ({found[result.best].mean:.1f}, then "
            f"{titles[second]} {found[second].mean:.1f}), but one seed says nothing of differences."
        )
    if result.wins:
        second = sorted(found, key=lambda method: -found[method].mean)[1]
        ahead = found[result.best].mean - found[second].mean
        return (
            f"{place}: **{shown[0]} wins**, {ahead:.1f} ahead of {titles[second]} "
            f"({found[second].mean:.1f}); up to {result.margin:.1f} may be chance."
        )
    if len(result.level) == len(found):
        return f"{place}: no difference between any of the {len(found)} methods (within {result.margin:.1f})."
    return f"{place}: no difference between {listed(shown)}: they lie within {result.margin:.1f}."


def conflict(records: Sequence[Record], titles: Mapping[str, str], name: str = "mAP") -> str:
    """Return what the finest and the coarsest scale of one set say of each other; empty without two."""
    scales = scales_of(records)
    fine, coarse = spreads(records, scales[0], name), spreads(records, scales[-1], name)
    if len(scales) < 2 or len(fine) < 3 or set(fine) != set(coarse):
        return ""
    first, last = max(fine, key=lambda m: fine[m].mean), max(coarse, key=lambda m: coarse[m].mean)
    if first == last:
        return f"{titles[first]} has both the best {scales[0]} and the best {scales[-1]} {name}."
    return (
        f"{titles[first]} has the best {scales[0]} {name} ({fine[first].mean:.1f}) and comes "
        f"{ordinal(rank(coarse, first))} of {len(coarse)} at {scales[-1]} ({coarse[first].mean:.1f}); "
        f"{titles[last]} has the best {scales[-1]} {name} ({coarse[last].mean:.1f}) and comes "
        f"{ordinal(rank(fine, last))} at {scales[0]} ({fine[last].mean:.1f})."
    )


def rank(found: Mapping[str, Spread], method: str) -> int:
    """Return the place of a method by its mean, from 1."""
    return 1 + sum(other.mean > found[method].mean for other in found.values())


def ordinal(number: int) -> str:
    """Return 1st, 2nd, 3rd, 4th …

    >>> [ordinal(n) for n in (1, 2, 3, 11, 22)]
    ['1st', '2nd', '3rd', '11th', '22nd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def across_sets(records: Sequence[Record], titles: Mapping[str, str], scale: str, name: str) -> str:
    """Return on how many sets each of the leading methods is first or level with the first."""
    sets = list(dict.fromkeys(record.set for record in records))
    counts: dict[str, list[str]] = {}
    for set_name in sets:
        found = standing_of([record for record in records if record.set == set_name], scale, name)
        for method in found.level if found else ():
            counts.setdefault(method, []).append(set_name)
    everywhere = [titles[method] for method, names in counts.items() if len(names) == len(sets)]
    if everywhere:
        verb = "is" if len(everywhere) == 1 else "are"
        return f"In {name}, {listed(everywhere)} {verb} first or level with the first on every set."
    most = max(map(len, counts.values()), default=0)
    if most < 2:
        return f"In {name}, no method is first or level with the first on more than one set."
    leading = [f"{titles[m]} ({listed(names)})" for m, names in counts.items() if len(names) == most]
    return (
        f"In {name}, no method is first or level with the first on every set; nearest to it: "
        f"{listed(leading)}."
    )
