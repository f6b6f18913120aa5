"""Filters as they are written on a command line: `middle=a`, `price<3`, `colour=red|blue`, `kind!=x`."""

import json
import re
from collections.abc import Sequence
from typing import Any

from dyml.errors import ConfigError

_OPERATORS = {"<=": "le", ">=": "ge", "!=": "ne", "<": "lt", ">": "gt", "=": "eq"}
_FORM = re.compile(r"^(.+?)(<=|>=|!=|<|>|=)(.*)$", re.DOTALL)


def where_of(texts: Sequence[str], scales: Sequence[str]) -> dict[str, Any]:
    """Return the filter that some texts say, all of which must hold.

    Values of metadata are read as JSON where they are (numbers, true, false, "text in quotes"), else as text;
    classes and ids always are text. `a|b` is one of several.

    Args:
        texts: conditions.
        scales: of the gallery.

    Raises:
        ConfigError: a text is no condition.

    >>> where_of(["middle=a", "price<3", "price>=1"], ["fine", "middle"])
    {'middle': {'eq': 'a'}, 'price': {'lt': 3, 'ge': 1}}
    """
    where: dict[str, Any] = {}
    for text in texts:
        found = _FORM.match(text)
        if found is None:
            raise ConfigError(f"--where {text!r}: write NAME=VALUE, or with !=, <, <=, >, >= instead of =")
        name, sign, value = found[1].strip(), found[2], found[3].strip()
        plain = name in (*scales, "id")
        operator, wanted = _OPERATORS[sign], _value(value, plain)
        if sign in ("=", "!=") and "|" in value:
            operator = "in" if sign == "=" else "not_in"
            wanted = [_value(part.strip(), plain) for part in value.split("|")]
        if operator in where.setdefault(name, {}):
            raise ConfigError(f"--where {text!r}: {name}{sign} is there twice; one of several is {name}=a|b")
        where[name][operator] = wanted
    return where


def _value(text: str, plain: bool) -> Any:
    if plain:
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, (str, int, float, bool)) else text
