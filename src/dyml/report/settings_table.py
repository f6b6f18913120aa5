"""The settings of a run as a fold-out of plain tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dyml.report.text import safe

DATE_KEYS = ("date", "created", "finished", "started")


def date_of(settings: Mapping[str, Any] | None) -> str | None:
    """Return the date that the settings give, from the first of `date`, `created`, `finished`, `started`."""
    return next((str(settings[key]) for key in DATE_KEYS if settings and settings.get(key)), None)


def settings_tables(settings: Mapping[str, Any]) -> str:
    """Return one table for the plain settings and one for each group, deeper groups as dotted names."""
    plain = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    groups = {key: value for key, value in settings.items() if isinstance(value, Mapping)}
    tables = [_table("general", plain)] if plain else []
    tables += [_table(str(key), dict(flat(value))) for key, value in groups.items() if value]
    return f'<div class="settings">{"".join(tables)}</div>'


def flat(settings: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every setting under its dotted name.

    >>> dict(flat({"loss": {"margins": [0.25, 0.35]}, "seed": 0}))
    {'loss.margins': [0.25, 0.35], 'seed': 0}
    """
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{head}{key}.")
        else:
            yield f"{head}{key}", value


def _table(name: str, values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{safe(key)}</th><td>{_shown(value)}</td></tr>' for key, value in values.items()
    )
    return f"<table><caption>{safe(name)}</caption><tbody>{rows}</tbody></table>"


def _shown(value: Any) -> str:
    if value is None or value == {}:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_shown(item) for item in value) or "–"
    return safe(value)
