"""The study's figures as text for the terminal: a table a set, a line a run."""

from collections.abc import Iterable, Sequence

from dyml.study.methods import Method
from dyml.study.records import Record, spread_of
from dyml.study.statistics import Spread

FIGURES = ("ASI", "mAP", "CMC@1")


def cell(found: Spread | None, digits: int = 1) -> str:
    """Return mean and spread as one cell.

    >>> cell(Spread(61.04, 0.51, 3)), cell(Spread(61.04, None, 1)), cell(None)
    ('61.0 ± 0.5', '61.0', '–')
    """
    if found is None:
        return "–"
    mean = f"{found.mean:.{digits}f}"
    return mean if found.std is None else f"{mean} ± {found.std:.{digits}f}"


def run_line(record: Record, title: str) -> str:
    """Return what is printed of a run that is done."""
    values = [record.value("overall", name) for name in FIGURES]
    figures = " / ".join("–" if value is None else f"{100 * value:.1f}" for value in values)
    seconds = "" if record.seconds is None else f"  {record.seconds:.0f} s"
    return f"{record.set}  {title}  seed {record.seed}:  {' / '.join(FIGURES)}  {figures}{seconds}"


def text_table(records: Iterable[Record], methods: Sequence[Method], set_name: str) -> str:
    """Return the overall figures so far of one set, in percent, best mAP first."""
    of_set = [record for record in records if record.set == set_name]
    rows = []
    for method in methods:
        own = [record for record in of_set if record.method == method.key]
        if own:
            found = [spread_of(own, "overall", name) for name in FIGURES]
            cells = [method.title, *(cell(one) for one in found), str(len(own))]
            rows.append((found[1].mean if found[1] else 0.0, cells))
    rows.sort(key=lambda row: -row[0])
    lines = [[set_name, *FIGURES, "seeds"], *(cells for _, cells in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(line, widths)))
        for line in lines
    )
