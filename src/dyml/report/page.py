"""The page around the sections: one HTML file that needs nothing else."""

from collections.abc import Sequence
from importlib.resources import files

import dyml
from dyml.report.palette import MOST_CLASSES, variables
from dyml.report.sections import Section
from dyml.report.text import safe

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, facts: Sequence[str], sections: Sequence[Section], scales: int) -> str:
    """Return the whole page.

    Args:
        title: shown as the heading; plain text.
        facts: short plain texts under it.
        sections: in order.
        scales: L, for the colours.
    """
    links = "".join(f'<li><a href="#{part.name}">{safe(part.title)}</a></li>' for part in sections)
    body = "".join(
        f'<section id="{part.name}" aria-labelledby="{part.name}-title"><h2 id="{part.name}-title">'
        f"{safe(part.title)}</h2>{part.body}</section>\n"
        for part in sections
    )
    under = "".join(f"<li>{safe(fact)}</li>" for fact in facts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{safe(title)}</title>\n<style>\n{stylesheet(scales)}</style>\n</head>\n<body>\n"
        f"<header>{_mark(scales)}<div><h1>{safe(title)}</h1><ul>{under}</ul></div></header>\n"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>\n<main>\n{body}</main>\n'
        f"<footer>Written by dyml {safe(dyml.__version__)}. This file is all: nothing is loaded.</footer>\n"
        "</body>\n</html>\n"
    )


def stylesheet(scales: int) -> str:
    """Return the style sheet with the colours of both themes; paper is always light."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in variables(scales, theme).items())
        for theme in ("light", "dark")
    )
    levels = "".join(f".level{level}{{--mine:var(--level{level})}}" for level in range(scales + 1))
    classes = "".join(f".class{place}{{--mine:var(--class{place})}}" for place in range(MOST_CLASSES + 1))
    fixed = files("dyml.report").joinpath("style.css").read_text(encoding="utf-8")
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f":root{{--accent:var(--level{scales})}}{levels}{classes}\n{fixed}"
    )


def _mark(scales: int) -> str:
    """Return the emblem: rings around a point, one ring a scale, in the colours of the levels."""
    rings = min(scales, 5)
    step = 17 / rings
    circles = "".join(
        f'<circle cx="24" cy="24" r="{4 + step * place:.1f}" fill="none" '
        f'stroke="var(--level{scales - place + 1})" stroke-width="{min(step * 0.5, 4.0):.1f}"/>'
        for place in range(1, rings + 1)
    )
    dot = f'<circle cx="24" cy="24" r="3.5" fill="var(--level{scales})"/>'
    return f'<svg class="emblem" viewBox="0 0 48 48" aria-hidden="true">{dot}{circles}</svg>'
