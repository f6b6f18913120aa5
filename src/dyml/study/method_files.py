"""A researcher's own methods, from a YAML file beside the shipped ones."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dyml.errors import ConfigError, suggest
from dyml.study.methods import FAMILIES, SHIPPED, Method
from dyml.training.settings import read_yaml

KEYS = ("title", "loss", "settings", "sets", "source", "family")


def read_methods(file: Path) -> tuple[Method, ...]:
    """Read methods: a mapping from short name to `loss` and, where wanted, the other attributes of `Method`.

        my-loss:
          title: My loss
          loss: {type: my_package.MyLoss, margin: 0.2}

    Raises:
        ConfigError: the file is not such a mapping; the text names the method and the key.
    """
    value = read_yaml(file)
    if not value:
        raise ConfigError(f"{file} names no methods: write `my-loss:` and under it `loss: {{type: …}}`")
    return tuple(_method(str(key), entry, f"{file}, {key}") for key, entry in value.items())


def _method(key: str, entry: Any, where: str) -> Method:
    if not re.fullmatch(r"[a-z0-9][a-z0-9+._-]*", key):
        raise ConfigError(f"{where}: a method's short name is of a-z, 0-9, +, -, . and _")
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where} must be a mapping with `loss:`; got {entry!r}")
    for name in entry:
        if name not in KEYS:
            raise ConfigError(
                f"{where}: unknown key {name!r}.{suggest(str(name), KEYS)} Known are: {', '.join(KEYS)}"
            )
    loss = entry.get("loss")
    if not isinstance(loss, Mapping) or not isinstance(loss.get("type"), str):
        raise ConfigError(
            f"{where}: `loss` must be a mapping with a type, such as dyml.losses.CrossScaleLoss"
        )
    for name in ("settings", "sets"):
        if not isinstance(entry.get(name, {}), Mapping):
            raise ConfigError(f"{where}: `{name}` must be a mapping; got {entry[name]!r}")
    for set_name, settings in entry.get("sets", {}).items():
        if not isinstance(settings, Mapping):
            raise ConfigError(f"{where}: `sets.{set_name}` must be a mapping of settings; got {settings!r}")
    if entry.get("family", "own") not in FAMILIES:
        raise ConfigError(f"{where}: `family` must be one of: {'; '.join(FAMILIES)}")
    return Method(
        key,
        str(entry.get("title", key)),
        dict(loss),
        dict(entry.get("settings", {})),
        dict(entry.get("sets", {})),
        str(entry.get("source", file_source(where))),
        str(entry.get("family", "own")),
    )


def file_source(where: str) -> str:
    """Return what a table says of a method without a source: the name of its file.

    >>> file_source("somewhere/mine.yaml, my-loss")
    'mine.yaml'
    """
    return Path(where.rpartition(",")[0]).name


def choose_methods(names: Iterable[str] | None, file: Path | None = None) -> tuple[Method, ...]:
    """Return the methods of these names, in the table's order; without names, all of them.

    Args:
        names: short names.
        file: further methods; one of a shipped name takes the place of the shipped one.

    Raises:
        ConfigError: the file is faulty, or there is no method of a name.
    """
    known = {method.key: method for method in SHIPPED}
    if file is not None:
        known |= {method.key: method for method in read_methods(file)}
    wanted = list(known) if names is None else list(names)
    for name in wanted:
        if name not in known:
            raise ConfigError(f"no method {name!r}.{suggest(name, known)} There are: {', '.join(known)}")
    return tuple(method for key, method in known.items() if key in wanted)
