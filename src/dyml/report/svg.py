"""matplotlib figures as inline SVG that takes its colours and fonts from the page."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from dyml.report.palette import stand_in

WIDE, NARROW = 940, 360
"""The widths of the two drawings of every figure, in CSS pixels: for screens and paper, and for phones."""

INCH = 72.0
"""Pixels in an inch of an SVG figure."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dyml",
    "text.parse_math": False,
    "axes.formatter.useoffset": False,
    "font.size": 12.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": stand_in("line"),
    "axes.labelcolor": stand_in("soft"),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": stand_in("ink"),
    "xtick.color": stand_in("line"),
    "ytick.color": stand_in("line"),
    "xtick.labelcolor": stand_in("soft"),
    "ytick.labelcolor": stand_in("soft"),
    "grid.color": stand_in("line"),
    "axes.unicode_minus": True,
}


def inline(draw: Callable[[int], Figure], name: str, title: str, caption: str) -> str:
    """Draw a figure at both widths and wrap it as an HTML `<figure>`.

    Args:
        draw: makes the figure for a width in pixels (`INCH` to the inch).
        name: prefix of all ids inside, unique on the page.
        title: alternative text, plain.
        caption: what to see in it, as HTML.
    """
    drawings = "".join(
        f'<div class="{kind}">{svg(draw, width, f"{name}-{kind}", title)}</div>'
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    )
    return f'<figure class="plot">{drawings}<figcaption>{caption}</figcaption></figure>'


def svg(draw: Callable[[int], Figure], width: int, name: str, title: str) -> str:
    """Draw a figure and return it as one `<svg>` element without fixed size, colours or fonts."""
    text = io.StringIO()
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        draw(width).savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return themed(text.getvalue(), name, title)


def themed(markup: str, name: str, title: str) -> str:
    """Turn a matplotlib SVG document into an inline element: unique ids, CSS variables, the page's fonts."""
    body = markup[markup.index("<svg") :]
    for unwanted in (r"<metadata>.*?</metadata>", r"<!--.*?-->", r"<style.*?</style>"):
        body = re.sub(unwanted, "", body, flags=re.DOTALL)
    view = re.search(r'viewBox="([^"]+)"', body)
    head = (
        f'<svg class="drawing" viewBox="{view[1] if view else ""}" role="img" aria-label="{escape(title)}">'
    )
    body = head + body[body.index(">") + 1 :]
    body = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', body)
    body = re.sub(r'(?:xlink:)?href="#', f'href="#{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r"font: (\d+ )?([\d.]+px) [^;\"]*", _font, body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r' transform="rotate\(-?0 [^"]*"', "", body)
    body = re.sub(r' (d|x|y)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), body)
    for variable in ("ink", "soft", "line", "card"):
        body = body.replace(stand_in(variable), f"var(--{variable})")
    body = re.sub(r"#fe02([0-9a-f]{2})", lambda found: f"var(--level{int(found[1], 16)})", body)
    body = re.sub(r"#fe03([0-9a-f]{2})", lambda found: f"var(--class{int(found[1], 16)})", body)
    return re.sub(r"\n\s*", "\n", _shared_styles(body, name)).strip()


def _font(found: re.Match[str]) -> str:
    return (f"font-weight: {found[1].strip()}; " if found[1] else "") + f"font-size: {found[2]}"


def _shared_styles(body: str, name: str, often: int = 20) -> str:
    """Write a style that many elements share (the points of a map) once, as a class."""
    counts = Counter(re.findall(r' style="([^"]+)"', body))
    rules = []
    for place, style in enumerate(style for style, count in counts.items() if count > often):
        body = body.replace(f' style="{style}"', f' class="{name}-{place}"')
        rules.append(f".{name}-{place}{{{style}}}")
    start = body.index(">") + 1
    return f"{body[:start]}<style>{''.join(rules)}</style>{body[start:]}" if rules else body
