"""Names by import path, as configurations write them: `dyml.losses.CrossScaleLoss`."""

import inspect
from collections.abc import Collection, Iterable
from importlib import import_module
from typing import Any

from dyml.errors import ConfigError, RunError, suggest


def import_name(path: str) -> Any:
    """Import the object that a dotted path names.

    Raises:
        ConfigError: there is no such module or name; the nearest name of the module is suggested.

    >>> import_name("math.pi")
    3.141592653589793
    """
    module_name, _, name = path.rpartition(".")
    if not module_name:
        raise ConfigError(
            f"{path!r} is not an import path: write module and name, such as dyml.losses.{path}"
        )
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"{path!r} cannot be imported: {error}") from error
    if not hasattr(module, name):
        public = [word for word in dir(module) if not word.startswith("_")]
        raise ConfigError(f"{module_name} has no {name!r}.{suggest(name, public)}")
    return getattr(module, name)


def extra_module(name: str, what: str, extra: str) -> Any:
    """Import a module of an optional part when it is first needed.

    Args:
        name: of the module.
        what: what needs it, such as "galleries".
        extra: the extra that brings it.

    Raises:
        RunError: it is not installed; the text says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise RunError(f'{what} need {package}: pip install "dyml[{extra}]"') from error


def check_arguments(target: Any, args: Iterable[str], given: Collection[str], what: str) -> None:
    """Raise ConfigError unless a callable takes every one of `args`.

    Args:
        target: the callable.
        args: the names to check.
        given: parameters that the caller fills in itself, which a configuration must not name.
        what: the part of the configuration, for the message.
    """
    parameters = inspect.signature(target).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    free = [name for name in parameters if name not in given]
    for name in args:
        if name not in free:
            raise ConfigError(
                f"{what}: {getattr(target, '__name__', target)} has no option {name!r}.{suggest(name, free)} "
                f"It has: {', '.join(free) or 'none'}"
            )


def defaults(target: Any) -> dict[str, Any]:
    """Return the parameters of a callable that have a default, and what it is.

    >>> defaults(import_name)
    {}
    """
    parameters = inspect.signature(target).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
