"""Text from the user, made safe and short for the page and its figures; numbers as they are shown."""

import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any


def safe(value: object) -> str:
    """Return a value as HTML text that no markup can hide in, whitespace made single."""
    return escape(" ".join(str(value).split()), quote=True)


def breakable(value: object) -> str:
    """Return a name as HTML text that may be broken after underscores, slashes and dots.

    >>> breakable("Latin_a/b")
    'Latin_<wbr>a/<wbr>b'
    """
    return re.sub(r"([_/.])(?=\w)", r"\1<wbr>", safe(value))


def short(value: object, most: int = 28) -> str:
    """Return a value as one line of plain text of at most `most` characters; underscores become blanks.

    >>> short("God-Morgon-Orange-Red-Grapefruit-Juice", most=12)
    'God-Morgon-…'
    """
    line = " ".join(str(value).replace("_", " ").split())
    return line if len(line) <= most else line[: most - 1] + "…"


def percent(value: Any) -> str:
    """Return a share as percent with one decimal, or a dash where there is none.

    >>> percent(0.9462), percent(None)
    ('94.6', '–')
    """
    number = _number(value)
    return "–" if number is None else f"{100 * number:.1f}"


def share(value: Any) -> str:
    """Return `percent` with its sign as HTML, the two kept on one line."""
    number = percent(value)
    return number if number == "–" else f"{number}&#8239;%"


def decimal(value: Any, digits: int = 2) -> str:
    """Return a number with fixed decimals and a real minus sign, or a dash where there is none."""
    number = _number(value)
    return "–" if number is None else f"{number:.{digits}f}".replace("-", "−")


def several(count: int, noun: str) -> str:
    """Return a count with its noun, plural where needed.

    >>> several(1, "class"), several(3, "class"), several(2, "query"), several(2123, "picture")
    ('1 class', '3 classes', '2 queries', '2,123 pictures')
    """
    if count == 1:
        return f"1 {noun}"
    many = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}{'es' if noun.endswith('s') else 's'}"
    return f"{count:,} {many}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Join words with commas and a last `and`.

    >>> listed(["fine", "middle", "coarse"])
    'fine, middle and coarse'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
