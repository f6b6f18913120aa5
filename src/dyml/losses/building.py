"""Parts of a loss by name: what a configuration writes as `{type: import.path, option: value}`."""

import inspect
from collections.abc import Mapping
from typing import Any

from dyml.errors import ConfigError, suggest
from dyml.imports import import_name

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def option_names(target: Any) -> list[str]:
    """Return the keyword arguments of a callable; of a class, also those that it hands on to its bases.

    Args:
        target: a function or a class. A constructor that takes `**kwargs` is followed up the bases until one
            does not.

    >>> class Base:
    ...     def __init__(self, reducer=None): ...
    >>> class Loss(Base):
    ...     def __init__(self, margin, **kwargs): ...
    >>> option_names(Loss)
    ['margin', 'reducer']
    """
    callables = [target]
    if isinstance(target, type):
        makers = [vars(base)["__init__"] for base in target.__mro__[:-1] if "__init__" in vars(base)]
        callables = makers or callables  # a class without a constructor of its own: what its call takes
    names: dict[str, None] = {}
    for function in callables:
        parameters = inspect.signature(function).parameters.values()
        names.update(dict.fromkeys(p.name for p in parameters if p.kind in NAMED and p.name != "self"))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(names)


def build(target: Any, options: Mapping[str, Any], what: str, fill: Mapping[str, Any]) -> Any:
    """Call a class or function with options, some of which may be parts to build first.

    Args:
        target: what to call, or its import path.
        options: keyword arguments. A mapping that has a `type` is built in the same way before.
        what: the part of the configuration, for errors.
        fill: arguments that are given where the target takes them and `options` does not name them.

    Raises:
        ConfigError: it cannot be imported, has no such option, or refuses a value.
    """
    target = import_name(target) if isinstance(target, str) else target
    if not callable(target):
        raise ConfigError(f"{what}: {target!r} is not a class or function")
    name, known = getattr(target, "__name__", str(target)), option_names(target)
    for option in options:
        if option not in known:
            free = [word for word in known if word not in fill]
            raise ConfigError(
                f"{what}: {name} has no option {option!r}.{suggest(option, free)} "
                f"It has: {', '.join(free) or 'none'}"
            )
    filled = {option: value for option, value in fill.items() if option in known}
    built = {option: build_part(value, f"{what}.{option}", fill) for option, value in options.items()}
    try:
        return target(**{**filled, **built})
    except (TypeError, AssertionError) as error:
        raise ConfigError(f"{what}: {name} cannot be made: {error}") from error


def build_part(part: Any, what: str, fill: Mapping[str, Any]) -> Any:
    """Build what a mapping with a `type` names; return anything else as it is.

    Args:
        part: `{"type": import path or callable, …options}`, or a thing that is already made.
        what: the part of the configuration, for errors.
        fill: as of `build`.

    >>> build_part({"type": "fractions.Fraction", "numerator": 1, "denominator": 3}, "share", {})
    Fraction(1, 3)
    """
    if not isinstance(part, Mapping) or "type" not in part:
        return part
    return build(part["type"], {key: value for key, value in part.items() if key != "type"}, what, fill)
