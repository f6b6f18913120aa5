"""A small typed filter, as it comes from users: {"middle": "a", "price": {"lt": 3}, "colour": {"in": [...]}}.

All conditions must hold. A row without the value holds none, `ne` and `not_in` included. Text compares with
text, numbers with numbers, truth with truth. Nothing of a filter ever becomes part of a query language.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyml.errors import InputError, suggest
from dyml.index.metadata import MetadataColumn
from dyml.index.parts import Names, Part

Mask = NDArray[np.bool_]
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
OPERATORS = (*COMPARISONS, "in", "not_in")
MOST_VALUES = 10_000
MOST_CONDITIONS = 100


@dataclass(frozen=True)
class Condition:
    """One condition: `field operator value`; for `in` and `not_in` the value is a tuple."""

    field: str
    operator: str
    value: Any


Where = tuple[Condition, ...]


def parse_where(where: Mapping[str, Any] | None) -> Where:
    """Read a filter.

    Args:
        where: field -> value, or field -> {operator: value, …}; a field is `id`, a scale or a name of
            metadata.

    Raises:
        InputError: it is no mapping, or an operator or value is not understood.

    >>> parse_where({"middle": "a", "price": {"ge": 1, "lt": 3}})[2]
    Condition(field='price', operator='lt', value=3)
    """
    if where is None:
        return ()
    if not isinstance(where, Mapping):
        raise InputError(f"a filter must be a mapping such as {{'middle': 'a'}}; got {type(where).__name__}")
    found = []
    for field, value in where.items():
        if not isinstance(field, str):
            raise InputError(f"a filter's field must be text; got {field!r}")
        wanted = value if isinstance(value, Mapping) else {"eq": value}
        if not wanted:
            raise InputError(f"the filter on {field!r} says nothing: use one of {', '.join(OPERATORS)}")
        found += [_condition(field, operator, part) for operator, part in wanted.items()]
    if len(found) > MOST_CONDITIONS:
        raise InputError(f"a filter may have {MOST_CONDITIONS} conditions; got {len(found)}")
    return tuple(found)


def check_fields(where: Where, scales: Sequence[str], parts: Iterable[Part]) -> None:
    """Refuse a filter on a name that no item has, if there are items.

    Raises:
        InputError: names the nearest field.
    """
    parts = [part for part in parts if len(part)]
    known: set[str] = {"id", *scales}
    for condition in where:
        if condition.field in known or not parts:
            continue
        known.update(*(part.columns for part in parts))
        if condition.field not in known:
            raise InputError(
                f"no item has {condition.field!r}, so there is nothing to filter by."
                f"{suggest(condition.field, known)} Scales: {', '.join(scales)}."
            )


def matching(where: Where, part: Part, scales: Sequence[str], names: Names) -> Mask:
    """Return which rows of a part fulfil a filter, (N,)."""
    mask = np.ones(len(part), bool)
    for condition in where:
        if condition.field == "id":
            mask &= _ids_matching(condition, part)
        elif condition.field in scales:
            m = scales.index(condition.field)
            fits = np.zeros(len(names[m]) + 1, bool)  # the last place is that of no class, −1
            texts = np.empty(len(names[m]), object)
            texts[:] = names[m]
            fits[:-1] = _holds(condition, texts, str)
            mask &= fits[part.codes[m]]
        else:
            mask &= _metadata_matching(condition, part.columns.get(condition.field), len(part))
    return mask


def _condition(field: str, operator: object, value: Any) -> Condition:
    if operator not in OPERATORS:
        raise InputError(
            f"the filter on {field!r} has no operator {operator!r}.{suggest(str(operator), OPERATORS)} "
            f"There are: {', '.join(OPERATORS)}"
        )
    if operator in ("in", "not_in"):
        if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
            raise InputError(f"the filter on {field!r}: {operator} needs a list of values; got {value!r}")
        if len(value) > MOST_VALUES:
            raise InputError(f"the filter on {field!r} may list {MOST_VALUES:,} values; got {len(value):,}")
        return Condition(field, str(operator), tuple(_plain(field, part) for part in value))
    value = _plain(field, value)
    if operator in ("lt", "le", "gt", "ge") and isinstance(value, bool):
        raise InputError(f"the filter on {field!r}: true and false have no order, so {operator} says nothing")
    return Condition(field, str(operator), value)


def _plain(field: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (str, bool)) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise InputError(f"the filter on {field!r} needs text, a number or true or false; got {value!r}")


def _holds(condition: Condition, values: NDArray[Any], kind: type) -> Mask:
    """Compare values of one kind; a wanted value of another kind equals none, and has no order to them."""
    if condition.operator in ("in", "not_in"):
        wanted = {value for value in condition.value if _kind(value) is kind}
        listed = np.fromiter((value in wanted for value in values.tolist()), bool, len(values))
        return listed if condition.operator == "in" else ~listed
    if _kind(condition.value) is not kind:
        return np.full(len(values), condition.operator == "ne")
    return np.asarray(COMPARISONS[condition.operator](values, condition.value), bool)


def _kind(value: Any) -> type:
    return str if isinstance(value, str) else bool if isinstance(value, bool) else float


def _metadata_matching(condition: Condition, column: MetadataColumn | None, count: int) -> Mask:
    mask = np.zeros(count, bool)
    if column is not None:
        for (rows, values), kind in ((column.texts, str), (column.numbers, float), (column.truths, bool)):
            if len(rows):
                mask[rows] = _holds(condition, values, kind)
    return mask


def _ids_matching(condition: Condition, part: Part) -> Mask:
    """Find single ids by their order; compare all only where the operator needs it."""
    if condition.operator in ("eq", "in", "ne", "not_in"):
        wanted = condition.value if isinstance(condition.value, tuple) else (condition.value,)
        rows = [part.find(name) for name in wanted if isinstance(name, str)]
        mask = np.zeros(len(part), bool)
        mask[[row for row in rows if row is not None]] = True
        return mask if condition.operator in ("eq", "in") else ~mask
    texts = np.empty(len(part), object)
    texts[:] = part.ids.to_pylist()
    return _holds(condition, texts, str)
