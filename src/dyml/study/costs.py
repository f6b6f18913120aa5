"""What the losses cost: seconds and memory alone, and pictures a second of whole runs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from dyml.errors import RunError
from dyml.study.records import Record
from dyml.study.words import by_method


def read_costs(file: Path) -> dict[str, Any] | None:
    """Read what `benchmarks/losses.py` wrote; None where there is no such file.

    Raises:
        RunError: the file is something else.
    """
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(value["losses"], dict):
            raise TypeError("losses is no mapping")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{file} is not what benchmarks/losses.py writes: {error}. Measure again, or remove it"
        ) from error
    return dict(value)


def cost_section(
    records: Sequence[Record], titles: Mapping[str, str], costs: Mapping[str, Any] | None
) -> list[str]:
    """Return the part on speed and memory: of each loss alone where that was measured, and in the runs."""
    sets = list(dict.fromkeys(record.set for record in records))
    groups = by_method(records)
    alone = costs["losses"] if costs else {}
    heads = [f"{name}: pictures/s" for name in sets] + [f"{name}: processor s a run" for name in sets]
    if alone:
        heads = ["loss, ms", "over the products", "loss, MiB", *heads]
    lines = [f"| method | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for key, own in groups.items():
        cells = []
        if alone:
            one = alone.get(key)
            cells += (
                [f"{1e3 * one['seconds']:.1f}", f"{one['ratio']:.1f}", _mebibytes(one["bytes"])]
                if one
                else ["–"] * 3
            )
        of_sets = [[record for record in own if record.set == name] for name in sets]
        cells += [_middle([r.speed for r in of_set if r.speed], 0) for of_set in of_sets]
        cells += [_middle([r.worked for r in of_set if r.worked], 0) for of_set in of_sets]
        lines.append(f"| {titles[key]} | {' | '.join(cells)} |")
    words = "Medians over seeds; training pictures a second, loss and network together."
    peaks = [record.peak_bytes for record in records if record.peak_bytes]
    if peaks:
        words += f" Resident memory of a run: at most {max(peaks) / 2**30:.1f} GiB."
    if costs:
        words += (
            f" Alone: forward and backward of the loss, and its memory beyond inputs and gradients, with "
            f"{costs['words']}. The products are those of the batch with one proxy a fine class, forward and "
            f"for both gradients."
        )
    return ["## Speed and memory", words, "\n".join(lines)]


def _mebibytes(count: float | None) -> str:
    return "–" if count is None else f"{count / 2**20:.1f}"


def _middle(values: Sequence[float], digits: int) -> str:
    return f"{median(values):,.{digits}f}" if values else "–"
