"""The published results on the three sets, to hold one's own beside."""

from dataclasses import dataclass

from dyml.data.official.layout import SETS
from dyml.errors import ConfigError, suggest

MEASURES = ("ASI", "mAP", "CMC@1")
SUN = "Sun et al., CVPR 2021, arXiv 2103.11781"
RAMZI = "Ramzi et al., ECCV 2022, arXiv 2207.04873"
ZHANG = "Zhang et al., ACM MM 2023, doi 10.1145/3581783.3612547"


@dataclass(frozen=True)
class PublishedRow:
    """What was published of one method.

    Attributes:
        method: the name that `dyml reproduce --method` takes.
        title: as it is printed.
        source: who measured it.
        percent: by set, ASI, mAP and CMC@1 (R@1), means over the three scales, in per cent.
    """

    method: str
    title: str
    source: str
    percent: dict[str, tuple[float, float, float]]


def _row(method: str, title: str, source: str, *values: float) -> PublishedRow:
    """Make a row of nine values: ASI, mAP, CMC@1 on Vehicle, on Animal, on Product."""
    triples = zip(SETS, values[::3], values[1::3], values[2::3], strict=True)
    return PublishedRow(method, title, source, {name: (asi, ap, first) for name, asi, ap, first in triples})


PUBLISHED_ROWS = (
    _row("triplet", "triplet", SUN, 18.3, 10.0, 13.8, 19.3, 11.0, 18.2, 9.2, 9.3, 11.2),
    _row("npair", "N-pair", SUN, 19.4, 10.5, 16.4, 45.7, 30.3, 39.6, 15.7, 15.3, 20.3),
    _row("multi-similarity", "multi-similarity", SUN, 19.7, 10.4, 17.4, 19.9, 11.6, 16.7, 9.8, 10.0, 12.7),
    _row("cosface", "CosFace", SUN, 23.0, 12.0, 22.9, 39.6, 28.4, 45.1, 25.5, 25.0, 49.3),
    _row("circle", "Circle", SUN, 22.8, 12.1, 23.5, 44.5, 30.6, 41.5, 15.8, 15.0, 26.7),
    _row("csl", "CSL", SUN, 23.0, 12.1, 25.2, 45.2, 31.0, 52.3, 29.0, 28.7, 54.3),
    _row("csl", "CSL, run again", RAMZI, 43.6, 30.0, 87.1, 46.3, 40.8, 60.9, 40.7, 31.1, 52.7),
    _row("happier", "HAPPIER", RAMZI, 49.8, 37.0, 89.1, 50.8, 43.8, 68.9, 47.9, 38.0, 63.7),
    _row("msa", "MSA", ZHANG, 55.6, 40.8, 92.1, 54.1, 47.0, 73.4, 50.5, 40.7, 68.4),
)
METHODS = tuple(dict.fromkeys(row.method for row in PUBLISHED_ROWS))


def checked_method(method: str) -> str:
    """Return the name of a method.

    Raises:
        ConfigError: nothing was published under it; the nearest is suggested.
    """
    if method not in METHODS:
        raise ConfigError(f"no method {method!r}; there are {', '.join(METHODS)}.{suggest(method, METHODS)}")
    return method


def config_name(name: str, method: str) -> str:
    """Return the name of the shipped configuration of a set and a method.

    >>> config_name("vehicle", "multi-similarity")
    'official/vehicle_multi_similarity'
    """
    return f"official/{name}_{method.replace('-', '_')}"
