"""Read a configuration: a YAML file, options over it, every fault named at once."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from dyml.errors import ConfigError, suggest
from dyml.imports import defaults, import_name
from dyml.training.config import Config, Named


def shipped_config(name: str) -> Path:
    """Return the file of that name, or the shipped configuration of that name.

    Raises:
        ConfigError: there is neither.
    """
    if Path(name).is_file():
        return Path(name)
    package = Path(__file__).parents[1]
    folders = (package / "configs", package.parents[1] / "configs")  # installed, or in a checkout
    shipped = {
        file.relative_to(folder).with_suffix("").as_posix(): file
        for folder in folders
        for file in sorted(folder.rglob("*.yaml"))
    }
    if name in shipped:
        return shipped[name]
    names = sorted(shipped, key=lambda shipped_name: (shipped_name.count("/"), shipped_name))
    raise ConfigError(f"no configuration {name}.{suggest(name, names)} Shipped are: {', '.join(names)}")


def option_table(config: Config | None = None) -> str:
    """Return every setting with its value and meaning, a line each.

    Args:
        config: whose values are shown, and whose named classes' own options; None shows the defaults.
    """
    config = config or Config()
    lines = []
    for section in type(config).model_fields:
        model: BaseModel = getattr(config, section)
        lines.append(f"\n{section}: {(type(model).__doc__ or '').splitlines()[0]}")
        for key, field in type(model).model_fields.items():
            lines.append(_option(f"{section}.{key}", getattr(model, key), field.description or ""))
        if isinstance(model, Named):
            own = import_name(model.type)
            lines += [
                _option(f"{section}.{key}", model.args.get(key, default), f"of {own.__name__}")
                for key, default in defaults(own).items()
                if key not in type(model).model_fields and key not in model.filled_in
            ]
    return "\n".join(lines).strip()


def _option(name: str, value: Any, meaning: str) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"  {f'--{name} {shown}':<38}  {meaning}".rstrip()


def load_config(file: Path | None, options: dict[str, Any] | None = None) -> Config:
    """Read a configuration and lay options over it.

    Args:
        file: a YAML file; None for the defaults.
        options: dotted names and their values, such as `{"optim.lr": 0.001}`.

    Raises:
        ConfigError: the file is missing or not YAML, a key is unknown (with the nearest known one), or a
            value has the wrong type or range. All faults are listed at once.
    """
    settings = {} if file is None else read_yaml(file)
    for name, value in (options or {}).items():
        _lay_over(settings, name.split("."), value, name)
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        where = "options" if file is None else str(file)
        raise ConfigError(f"{where}: {_explain(error)}") from error


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        ConfigError: no such file, not UTF-8 YAML, or not a mapping of sections.
    """
    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"no configuration {file}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read as YAML: {error}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(
            f"{file} must hold sections such as `data:` and `model:`, not a {type(value).__name__}"
        )
    return value


def dump_text(config: Config) -> str:
    """Return the whole configuration, defaults included, as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def differences(config: Config, other: Config) -> list[str]:
    """Return what another configuration has otherwise, as `section.key value` of the other one."""
    before, after = config.model_dump(mode="json"), other.model_dump(mode="json")
    return [
        f"{section}.{key} {json.dumps(after[section].get(key), ensure_ascii=False)}"
        for section in after
        for key in (*after[section], *(key for key in before[section] if key not in after[section]))
        if before[section].get(key) != after[section].get(key)
    ]


def parse_options(words: list[str]) -> dict[str, Any]:
    """Turn `["--optim.lr", "0.1", "--data.ram=false"]` into `{"optim.lr": 0.1, "data.ram": False}`.

    Values are read as YAML, so lists and null work: `--loss.margins "[0.1, 0.2]"`.

    Raises:
        ConfigError: a word is not an option, or an option has no value.
    """
    options: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        name, equals, text = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise ConfigError(f"unexpected {word!r}: options look like --optim.lr 0.001")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise ConfigError(f"option {word} has no value: write {word} VALUE")
            text = rest.pop(0)
        try:
            options[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"option --{name}: {text!r} is not a value: {error}") from error
        if isinstance(options[name], str):
            options[name] = _number_or_text(options[name])
    return options


def _number_or_text(text: str) -> float | str:
    """YAML reads 1e-3 as text, where everybody means a number."""
    try:
        return float(text)
    except ValueError:
        return text


def _lay_over(settings: dict[str, Any], keys: list[str], value: Any, name: str) -> None:
    *sections, last = keys
    for key in sections:
        inner = settings.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"option --{name}: {key!r} is a value, not a section")
        settings = inner
    settings[last] = value


def _explain(error: ValidationError) -> str:
    faults = []
    for fault in error.errors():
        place = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            *sections, key = fault["loc"]
            faults.append(f"unknown key {place!r}.{suggest(str(key), _known_keys(sections))}")
        else:
            faults.append(f"{place}: {fault['msg']} (got {fault['input']!r})")
    return "; ".join(faults)


def _known_keys(sections: list[Any]) -> list[str]:
    model: type[BaseModel] = Config
    for section in sections:
        inner = model.model_fields[str(section)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
