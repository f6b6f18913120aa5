"""Errors that are the user's to mend: each names the file, row or option, and says what to do.

The command line prints their text alone, without a traceback, and exits with 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DymlError(Exception):
    """Anything a user can mend; the text says where it is and how."""


class InputError(DymlError, ValueError):
    """Arrays or arguments that do not fit together (shapes, dtypes, ranges)."""


class TaxonomyError(DymlError, ValueError):
    """Labels that are not a tree."""


class ManifestError(DymlError, ValueError):
    """A manifest that cannot be read as one."""


class ImageError(DymlError):
    """A picture that cannot be decoded, or is refused."""


class ConfigError(DymlError, ValueError):
    """A configuration or option that is not understood."""


class RunError(DymlError):
    """A run folder or model folder that cannot be written, read or resumed."""


class Interrupted(RunError):
    """A run that a signal stopped (Ctrl-C, a shutdown), with the signal's number."""

    def __init__(self, text: str, signal_number: int) -> None:
        super().__init__(text)
        self.signal_number = signal_number


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of the `known` words, or an empty string.

    >>> suggest("marigns", ["margins", "scale"])
    " Did you mean 'margins'?"
    """
    near = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def shortened(items: Iterable[object], most: int = 5) -> str:
    """Join the first `most` items with commas and count the rest.

    >>> shortened(range(7), most=3)
    '0, 1, 2 and 4 more'
    """
    items = list(items)
    head = ", ".join(str(item) for item in items[:most])
    return head if len(items) <= most else f"{head} and {len(items) - most:,} more"
