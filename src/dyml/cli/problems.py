"""What a check found, as every command prints it."""

from collections.abc import Sequence

import typer


def print_problems(problems: Sequence[str]) -> bool:
    """Print problems, a line each, or that there are none; return whether there are some."""
    if not problems:
        typer.echo("No problems found.")
        return False
    typer.echo(f"Problems found ({len(problems)}):")
    for problem in problems:
        typer.echo(f"- {problem}")
    return True
