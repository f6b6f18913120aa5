"""A progress bar on stderr for work on pictures, drawn where stderr is a terminal alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]
Say = Callable[[str], None]


@contextmanager
def picture_bar(what: str, shown: bool = True) -> Iterator[tuple[Progress, Say]]:
    """Show how far some work on pictures is.

    Args:
        what: the work in words, such as "packing pictures".
        shown: False draws nothing.

    Yields:
        A function of (pictures done, pictures in all), and one that prints a line.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not (shown and console.is_terminal)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=None)
        yield (
            lambda done, total: bar.update(task, completed=done, total=total),
            lambda text: console.print(text, soft_wrap=True),
        )
