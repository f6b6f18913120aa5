"""The results as HTML: headline figures, a table of all scales, one of the graded measures, words on both."""

import re
from collections.abc import Mapping, Sequence

from dyml.metrics import Result
from dyml.metrics.result import COUNTS
from dyml.report.text import listed, percent, safe, several, share

OURS = "this model"

_HEADLINE = ("CMC@1", "mAP", "ASI")

_MEANINGS = {
    "CMC@k": "The share of queries that have a picture of their class among their first <i>k</i> neighbours. "
    "CMC@1 asks only whether the nearest neighbour is right. Metric learning calls it Recall@k.",
    "mAP": "Mean average precision. Walk down the whole ranked gallery; at every picture of the query’s "
    "class note which share of the list so far is of that class; average. 100 means that the whole class "
    "comes first.",
    "ASI": "Average set intersection. For every length up to the size of the class, the share of the list so "
    "far that is of the class; average. It looks only at the top of the list, but at all of it.",
    "mAP@R": "mAP cut off at R, the number of pictures of the query’s class: what comes later earns nothing.",
    "R-precision": "The share of the first R neighbours that are of the query’s class.",
    "H-AP": "Average precision over all scales at once: a neighbour counts the more, the finer the class "
    "that it shares. It is high only where pictures of the same finest class come first, then those of the "
    "next coarser one, and so on.",
    "NDCG": "The same idea with gains that double with every shared scale and fade with the logarithm of the "
    "rank. It is high for almost any ranking, so compare it only with other rankings.",
    "graded ASI": "ASI against the ideal list of all scales, ordered by how many scales a picture shares.",
}


def measure_names(result: Result) -> list[str]:
    """Return the measures of a scale in the order of the table: CMC by its k, then the others."""
    names = [name for name in result.overall if name not in COUNTS]
    return sorted(names, key=lambda name: (0, int(name[4:])) if name.startswith("CMC@") else (1, 0))


def headline(result: Result, baselines: Mapping[str, Result]) -> str:
    """Return the three or four figures that matter most, each with the baselines under it."""
    rows = [("overall " + name, name, "overall") for name in _HEADLINE if name in result.overall]
    rows.append(("H-AP, all scales at once", "H-AP", "multi"))
    cards = []
    for label, name, part in rows:
        others = "".join(
            f"<li>{safe(method)} <b>{percent(getattr(other, part).get(name))}</b></li>"
            for method, other in baselines.items()
        )
        cards.append(
            f'<div class="card"><p class="label">{safe(label)}</p>'
            f'<p class="figure">{percent(getattr(result, part).get(name))}<small> %</small></p>'
            + (f'<ul class="others">{others}</ul>' if others else "")
            + "</div>"
        )
    return f'<div class="cards">{"".join(cards)}</div>'


def first_sentence(result: Result) -> str:
    """Say in words how often the nearest neighbour is right at each scale."""
    parts = [
        f"of the same {safe(scale)} class for <b>{share(row.get('CMC@1'))}</b>"
        for scale, row in result.by_scale.items()
        if row.get("CMC@1") is not None
    ]
    return f"The nearest neighbour is {listed(parts)} of the queries." if parts else ""


def scale_table(result: Result, baselines: Mapping[str, Result]) -> str:
    """Return the table of measures: a group of rows a scale, one row a method, the mean over scales last."""
    names = measure_names(result)
    methods = [(OURS, result), *baselines.items()]
    head = "".join(f'<th scope="col">{safe(name)}</th>' for name in names)
    method_head = '<th scope="col" class="method">method</th>' if baselines else ""
    groups = []
    for scale in (*result.scales, None):
        rows = [
            (method, (other.overall if scale is None else other.by_scale.get(scale, {})))
            for method, other in methods
        ]
        label = _scale_label(scale, result)
        span = f' rowspan="{len(rows)}"' if baselines else ""
        scope = "rowgroup" if baselines else "row"
        lines = []
        for place, (method, row) in enumerate(rows):
            first = f'<th class="scale" scope="{scope}"{span}>{label}</th>' if place == 0 else ""
            second = f'<th class="method" scope="row">{safe(method)}</th>' if baselines else ""
            cells = "".join(_cell(row.get(name), bar=place == 0) for name in names)
            lines.append(f'<tr class="{"ours" if place == 0 else "other"}">{first}{second}{cells}</tr>')
        kind = ' class="overall"' if scale is None else ""
        groups.append(f"<tbody{kind}>{''.join(lines)}</tbody>")
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Measures by scale">'
        '<table class="results"><caption>Every scale, in %. Higher is better.</caption>'
        f'<thead><tr><th scope="col">scale</th>{method_head}{head}</tr></thead>'
        f"{''.join(groups)}</table></div>"
    )


def graded_table(result: Result, baselines: Mapping[str, Result]) -> str:
    """Return the table of the measures that look at all scales at once, one row a method."""
    names = list(result.multi)
    head = "".join(f'<th scope="col">{safe("graded ASI" if name == "ASI" else name)}</th>' for name in names)
    rows = "".join(
        f'<tr class="{"ours" if other is result else "other"}"><th scope="row">{safe(method)}</th>'
        f"{''.join(_cell(other.multi.get(name), bar=other is result) for name in names)}</tr>"
        for method, other in [(OURS, result), *baselines.items()]
    )
    return (
        f'<div class="scroll"><table class="results graded"><caption>All scales at once, in %.</caption>'
        f'<thead><tr><th scope="col">method</th>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def meanings(names: Sequence[str]) -> str:
    """Return a fold-out that says in plain words what each of the measures is."""
    wanted = {re.sub(r"@\d+$", "@k", name) for name in names} | {"H-AP", "NDCG", "graded ASI"}
    items = "".join(f"<dt>{key}</dt><dd>{text}</dd>" for key, text in _MEANINGS.items() if key in wanted)
    return (
        "<details><summary>What the measures say</summary><p>Every query ranks the gallery by cosine "
        "similarity. At each scale a picture is right if it is of the query’s class <em>at that scale</em>. "
        "The query itself is left out, and so are queries with nothing to find. <em>Overall</em> is the mean "
        "over scales.</p>"
        f"<dl>{items}</dl></details>"
    )


def _scale_label(scale: str | None, result: Result) -> str:
    if scale is None:
        return "overall<small>mean over scales</small>"
    row = result.by_scale[scale]
    counts = [row.get(name) for name in COUNTS]
    asked = several(int(counts[0]), "query") if counts[0] is not None else ""
    left = f", {int(counts[1]):,} with nothing to find" if counts[1] else ""
    return f"{safe(scale)}<small>{asked}{left}</small>"


def _cell(value: float | None, bar: bool) -> str:
    style = f' style="--part:{min(max(value, 0), 1):.3f}"' if bar and value is not None else ""
    return f"<td{style}>{percent(value)}</td>"
