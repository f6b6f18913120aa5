"""Results of one search as an HTML sheet that needs nothing else."""

import base64
from collections.abc import Sequence
from pathlib import Path

from dyml.files import write_text
from dyml.index.items import Group, Hit
from dyml.index.searching import Searches
from dyml.report.page import page
from dyml.report.sections import Section
from dyml.report.text import decimal, percent, safe


def write_results(
    file: Path,
    gallery: Searches,
    query: bytes | None,
    name: str,
    facts: Sequence[str],
    groups: Sequence[Group],
) -> None:
    """Write results as a sheet: the query, and its hits in groups, each framed by the finest scale it shares.

    Args:
        file: `.html`.
        gallery: where thumbnails come from.
        query: its thumbnail.
        name: of the query.
        facts: what was asked, in short texts.
        groups: hits by class; one group without a name where they are not grouped.

    Raises:
        RunError: it cannot be written.
    """
    asked = (
        f'<figure class="asked">{_image(query, f"Query: {safe(name)}")}'
        f"<figcaption><b>{safe(name)}</b></figcaption></figure>"
    )
    body = "".join(
        f"{f'<h3>{safe(group.name)}</h3>' if group.name else ''}"
        f'<div class="query">{asked if place == 0 else "<span></span>"}'
        f'<ol class="near">{"".join(_tile(gallery, hit) for hit in group.hits)}</ol></div>'
        for place, group in enumerate(groups)
    )
    words = "Frames tell the finest scale at which a picture is likelier the same than not, by the gauge."
    note = f"<p>{words}</p>" if gallery.gauge is not None else ""
    section = Section("results", "Results", note + (body or "<p>Nothing was found.</p>"))
    write_text(file, page(f"dyml: {name}", facts, [section], len(gallery.scales)))


def _tile(gallery: Searches, hit: Hit) -> str:
    item = gallery.get(hit.id)
    chances = hit.probabilities or {}
    level = sum(chance >= 0.5 for chance in chances.values())
    classes = " · ".join(safe(name) for name in hit.labels.values())
    read = ", ".join(f"{safe(scale)} {percent(chance)} %" for scale, chance in chances.items())
    alt = f"{safe(hit.id)}; similarity {decimal(hit.similarity)}"
    picture = _image(None if item is None else item.thumbnail, alt)
    return (
        f'<li class="level{level}"><figure>{picture}<figcaption><span class="line"><span>'
        f"{decimal(hit.similarity)}</span></span>"
        f'<span class="name" title="{safe(hit.id)}: {read}">{classes or safe(hit.id)}</span>'
        "</figcaption></figure></li>"
    )


def _image(coded: bytes | None, alt: str) -> str:
    if coded is None:
        return f'<div class="picture missing" role="img" aria-label="{alt}">no picture</div>'
    kind = "png" if coded[:4] == b"\x89PNG" else "jpeg"
    data = base64.b64encode(coded).decode()
    return f'<img class="picture" src="data:image/{kind};base64,{data}" alt="{alt}" loading="lazy">'
