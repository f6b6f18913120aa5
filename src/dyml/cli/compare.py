"""`dyml compare`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dyml.metrics import Difference, Result


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run folders, or results saved by `dyml eval --out`; the first is what the others are "
            "compared with.",
            show_default=False,
        ),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Every scale and measure, not the overall row and H-AP alone.")
    ] = False,
    level: Annotated[float, typer.Option("--level", help="Of the confidence intervals.")] = 0.95,
    draws: Annotated[int, typer.Option("--draws", min=100, help="Of the bootstrap and the test.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="Print a LaTeX table of all results instead, a line a result.")
    ] = False,
) -> None:
    """Compare results on the same queries: differences, their confidence intervals, and significance.

    p is the chance of a difference so large if both were alike: a paired randomisation test over queries. The
    interval is a paired bootstrap. Both need the values of every query, which lie beside a saved result.

    **Examples**

    `dyml compare runs/plain runs/csl`

    `dyml compare a.json b.json c.json --all --json`
    """
    import json
    from dataclasses import asdict

    from dyml.errors import InputError
    from dyml.metrics import compare_results, latex_table

    if len(results) < 2:
        raise InputError("name two results or more: dyml compare RUN RUN")
    if len({str(path) for path in results}) < len(results):
        raise InputError("the same result is named twice")
    loaded = {str(path): _read(path) for path in results}
    if latex:
        typer.echo(latex_table(loaded), nl=False)
        return
    first, *others = loaded
    found: dict[str, Any] = {}
    for name in others:
        try:
            found[name] = compare_results(loaded[first], loaded[name], level=level, draws=draws, seed=seed)
        except InputError as error:
            raise InputError(f"{first} and {name}: {error}") from error
    if as_json:
        value = {
            name: {part: {m: asdict(d) for m, d in row.items()} for part, row in parts.items()}
            for name, parts in found.items()
        }
        typer.echo(json.dumps({"first": first, "others": value}, indent=1, allow_nan=False))
        return
    for name, parts in found.items():
        typer.echo(f"{first}  →  {name}")
        typer.echo(_table(parts if every else _main_rows(parts)))
    if any(d.p is None for parts in found.values() for d in parts["overall"].values()):
        typer.echo(
            "Without intervals: a result lacks the values of every query (NAME.queries.npz); run "
            "dyml eval --out again."
        )


def _read(path: Path) -> "Result":
    from dyml.errors import RunError
    from dyml.metrics import Result

    if not path.is_dir():
        return Result.from_json(path)
    if not (path / "metrics.json").is_file():
        raise RunError(f"{path} holds no metrics.json: it is no run folder, or its training has not ended")
    return Result.from_json(path / "metrics.json")


def _main_rows(parts: "dict[str, dict[str, Difference]]") -> "dict[str, dict[str, Difference]]":
    multi = {name: found for name, found in parts["multi"].items() if name == "H-AP"}
    return {"overall": parts["overall"], "multi": multi}


def _table(parts: "dict[str, dict[str, Difference]]") -> str:
    from dyml.metrics.chosen import HEIGHTS

    lines = [["", "", "first", "second", "difference", "interval", "p"]]
    for part, row in parts.items():
        for name, found in row.items():
            factor = 1 if name in HEIGHTS else 100
            ends = "–"
            if found.low is not None and found.high is not None:
                ends = f"{factor * found.low:+.2f} … {factor * found.high:+.2f}"
            chance = "–" if found.p is None else f"{found.p:.4f}"
            values = [f"{factor * found.first:.2f}", f"{factor * found.second:.2f}"]
            lines.append([part, name, *values, f"{factor * found.delta:+.2f}", ends, chance])
    widths = [max(len(line[i]) for line in lines) for i in range(7)]
    return "\n".join(
        "  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths)))
        for line in lines
    )
