"""Records of runs that were never made, with figures that a test chooses."""

from collections.abc import Mapping, Sequence

from dyml.study.records import Record

TITLES = {"csl": "CSL", "cosface": "CosFace per scale", "tied": "Tied proxies", "n-pair": "N-pair per scale"}


def records(
    found: Mapping[str, Sequence[float]],
    coarse: Mapping[str, Sequence[float]] | None = None,
    set_name: str = "glyphs",
    measures: Sequence[str] = ("ASI", "mAP", "CMC@1"),
) -> list[Record]:
    """Return a record for each method and value (percent); `coarse` says the coarse figures, else equal."""
    coarse = coarse or found
    out = []
    for method, values in found.items():
        for seed, (value, other) in enumerate(zip(values, coarse[method])):
            rows: dict[str, dict[str, float | None]] = {
                "fine": dict.fromkeys(measures, value / 100),
                "coarse": dict.fromkeys(measures, other / 100),
                "overall": dict.fromkeys(measures, (value + other) / 200),
                "multi": {"H-AP": value / 100, "NDCG": None},
            }
            out.append(Record(set_name, method, seed, rows, 40.0 + seed, 30.0 + seed, 2000.0, 2**30))
    return out
