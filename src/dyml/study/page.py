"""The page of results: Markdown, its figures, and the same figures as JSON and CSV."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dyml.files import write_json, write_text
from dyml.study.costs import cost_section, read_costs
from dyml.study.methods import Method
from dyml.study.plan import Task
from dyml.study.records import Record, as_csv, as_json, scales_of, spread_of
from dyml.study.setting import about
from dyml.study.statistics import Standing
from dyml.study.tables import cell
from dyml.study.words import JUDGED, across_sets, by_method, conflict, standing_of, verdict

MAIN = (("overall", "ASI"), ("overall", "mAP"), ("overall", "CMC@1"), ("multi", "H-AP"), ("multi", "NDCG"))


def write_page(
    out: Path, records: Sequence[Record], methods: Sequence[Method], tasks: Sequence[Task], budget: str
) -> None:
    """Write the page, its figures in `images/` beside it, and its JSON and CSV.

    Args:
        out: the Markdown file.
        records: of all finished runs.
        methods: those compared.
        tasks: the whole plan, for settings and machine.
        budget: its name.
    """
    from dyml.study.figure import draw_conflict

    known = {method.key: method for method in methods}
    figures: dict[str, str] = {}
    for name in dict.fromkeys(record.set for record in records):
        of_set = [record for record in records if record.set == name]
        if len(scales_of(of_set)) > 1:
            figures[name] = f"images/study-{name}.svg"
            draw_conflict(out.parent / figures[name], of_set, known, name)
    costs = read_costs(out.parent / "losses.json")
    write_text(out, page_text(records, methods, figures, about(tasks, budget), costs))
    write_json(
        out.with_suffix(".json"),
        {"about": about(tasks, budget)["facts"], "budget": budget, "runs": as_json(records)},
    )
    write_text(out.with_suffix(".csv"), as_csv(records))


def page_text(
    records: Sequence[Record],
    methods: Sequence[Method],
    figures: Mapping[str, str],
    made: Mapping[str, Any],
    costs: Mapping[str, Any] | None = None,
) -> str:
    """Return the page as Markdown.

    Args:
        records: of all finished runs.
        methods: those compared, in the order of the tables.
        figures: by set, the file of its figure.
        made: from `about`.
        costs: what `benchmarks/losses.py` measured, or None.
    """
    titles = {method.key: method.title for method in methods}
    sets = list(dict.fromkeys(record.set for record in records))
    parts = [
        "# Results of the study",
        "This page is written by `dyml study` (see [how to repeat it](study.md)); nothing in it is by hand. "
        "The same network, pictures, augmentation, batches, optimiser and steps; the loss alone differs. "
        "Test classes never occur in training; leave-one-out; figures in percent, mean ± deviation over "
        "seeds.",
        made["summary"],
        "## Who wins where",
        "Two methods differ where their means are more than two standard errors apart, with the standard "
        "deviation of one run taken from all methods of the set together. With so many methods, a bare win "
        "may still be luck.",
        "\n".join(f"- {across_sets(records, titles, *judged)}" for judged in JUDGED),
        summary_table(records, titles),
    ]
    for name in sets:
        parts += _set_part(name, [r for r in records if r.set == name], titles, figures.get(name))
    parts += cost_section(records, titles, costs)
    parts += ["## How it was made", *made["details"]]
    return "\n\n".join(part for part in parts if part) + "\n"


def _set_part(name: str, records: list[Record], titles: Mapping[str, str], figure: str | None) -> list[str]:
    """Return the part of one set: words, the main table, the figure, everything by scale."""
    scales = scales_of(records)
    words = [f"- {verdict(records, *judged, titles)}" for judged in JUDGED]
    if len(scales) > 1:
        words += [f"- {verdict(records, scale, 'mAP', titles)}" for scale in (scales[0], scales[-1])]
    if said := conflict(records, titles):
        words.append(f"- The conflict: {said}")
    main = [*MAIN, *((scale, "mAP") for scale in scales)] if len(scales) > 1 else list(MAIN)
    parts = [
        f"## {name}",
        "\n".join(words),
        f"Mean over the {len(scales)} scales, and mAP by scale. **Bold**: first, or level with the first.",
        method_table(records, titles, main),
    ]
    if figure is not None:
        parts.append(f"![{scales[0]} against {scales[-1]} mAP of every method on {name}]({figure})")
    for scale in (*scales, "overall", "multi"):
        names = list(records[0].measures[scale])
        heading = {"overall": "mean over scales", "multi": "graded measures over all scales"}.get(
            scale, scale
        )
        table = method_table(records, titles, [(scale, measure) for measure in names], plain=True)
        parts.append(f"<details><summary>{name}, every measure: {heading}</summary>\n\n{table}\n\n</details>")
    return parts


def method_table(
    records: Sequence[Record],
    titles: Mapping[str, str],
    columns: Iterable[tuple[str, str]],
    plain: bool = False,
) -> str:
    """Return a Markdown table, a row a method by falling overall mAP, a column a measure.

    Args:
        records: of one set.
        titles: of the methods.
        columns: scale and measure of each column.
        plain: leave the scale out of the headings.
    """
    columns, groups, best = list(columns), by_method(records), {}
    for column in columns:
        found = standing_of(records, *column)
        best[column] = _marked(found, len(groups))
    order = sorted(groups, key=lambda key: -_mean(groups[key], "overall", "mAP"))
    heads = [
        measure if plain or scale in ("overall", "multi") else f"{scale} {measure}"
        for scale, measure in columns
    ]
    lines = [f"| method | {' | '.join(heads)} | seeds |", f"| --- |{' ---: |' * (len(columns) + 1)}"]
    for key in order:
        cells = []
        for column in columns:
            text = cell(spread_of(groups[key], *column))
            cells.append(f"**{text}**" if key in best[column] else text)
        lines.append(f"| {titles[key]} | {' | '.join(cells)} | {len(groups[key])} |")
    return "\n".join(lines)


def _marked(found: Standing | None, methods: int) -> set[str]:
    """Return whom a table marks in a column: nobody where nothing is known, or where all are level."""
    if found is None or found.margin is None or len(found.level) == methods:
        return set()
    return set(found.level)


def summary_table(records: Sequence[Record], titles: Mapping[str, str]) -> str:
    """Return one line a method over all sets: overall mAP of each, then means over sets; empty for one set.

    The mean is that of the sets' means, and only where a method was run on all of them.
    """
    sets = list(dict.fromkeys(record.set for record in records))
    if len(sets) < 2:
        return ""
    names = ("ASI", "mAP", "CMC@1")
    lines = []
    for key, own in by_method(records).items():
        of_sets = [[record for record in own if record.set == name] for name in sets]
        means = [
            sum(_mean(of_set, "overall", name) for of_set in of_sets) / len(sets) if all(of_sets) else None
            for name in names
        ]
        cells = [cell(spread_of(of_set, "overall", "mAP")) for of_set in of_sets]
        cells += ["–" if mean is None else f"{mean:.1f}" for mean in means]
        lines.append((-(means[1] or 0.0), f"| {titles[key]} | {' | '.join(cells)} |"))
    heads = [*(f"{name}: mAP" for name in sets), *(f"mean {name}" for name in names)]
    rule = f"| --- |{' ---: |' * len(heads)}"
    ordered = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    return "\n".join([f"| method | {' | '.join(heads)} |", rule, *ordered])


def _mean(records: Sequence[Record], scale: str, name: str) -> float:
    found = spread_of(records, scale, name)
    return found.mean if found else float("-inf")


def compact(value: Any) -> str:
    """Return settings on one line, as YAML in its short form.

    >>> compact({"type": "dyml.losses.CrossScaleLoss", "margins": [0.2, 0.3]})
    '{type: dyml.losses.CrossScaleLoss, margins: [0.2, 0.3]}'
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {compact(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(compact, value)) + "]"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
