"""The retrieval sheet: queries and their nearest neighbours, each framed by the finest scale they share."""

import base64
import io
from collections.abc import Sequence

from PIL import Image, ImageOps

from dyml.data.channels import in_order
from dyml.data.images import open_image
from dyml.data.manifest import Manifest
from dyml.errors import DymlError
from dyml.report.levels import level_mark, level_name, level_phrase
from dyml.report.neighbours import Shown
from dyml.report.text import breakable, decimal, listed, safe, several, share

_PIXELS = 160
_TINY = 64


def sheet(shown: Shown, manifest: Manifest) -> str:
    """Return the sheet as HTML: how it was chosen, the legend, then the queries."""
    if not len(shown.rows):
        return "<p>There is only one picture: nothing to retrieve.</p>"
    parts = [f"<p>{_how_chosen(shown, manifest)}</p>", _legend(shown, manifest)]
    for right, words in ((True, "right"), (False, "wrong")):
        places = [place for place in range(len(shown.rows)) if bool(shown.right[place]) is right]
        if places:
            rows = "".join(_query(shown, manifest, place) for place in places)
            parts.append(f"<h3>Nearest neighbour {words}</h3>{rows}")
    return "".join(parts)


def thumbnail(manifest: Manifest, row: int) -> str | None:
    """Return a square thumbnail of a picture as a data URI, or None where it cannot be opened.

    Pictures of at most 64 pixels are kept as they are, without loss.
    """
    try:
        picture = in_order(open_image(manifest.full_path(row), min_size=_PIXELS), manifest.channel_order)
    except (DymlError, OSError, ValueError):
        return None
    side = min(*picture.size, _PIXELS)
    picture = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
    kind, options = (
        ("PNG", {"optimize": True}) if side <= _TINY else ("JPEG", {"quality": 82, "optimize": True})
    )
    coded = io.BytesIO()
    picture.save(coded, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(coded.getvalue()).decode()}"


def lineage_names(manifest: Manifest, row: int) -> list[str]:
    """Return the names of a picture's classes, fine to coarse, a name that repeats the finer one left out."""
    names: list[str] = []
    for scale, class_id in enumerate(manifest.labels[row].tolist()):
        name = manifest.taxonomy.name(scale, class_id)
        if not names or names[-1] != name:
            names.append(name)
    return names


def _how_chosen(shown: Shown, manifest: Manifest) -> str:
    right = int(shown.right.sum())
    scope = "all" if shown.asked == len(manifest) else f"{shown.asked:,} sampled"
    fine, coarse = safe(manifest.scales[0]), safe(manifest.scales[-1])
    turn = f"{coarse} classes in turn, " if len(manifest.scales) > 1 else ""
    return (
        f"{several(right, 'query')} whose nearest neighbour is of the same {fine} class and "
        f"{len(shown.rows) - right} whose is not. Nobody picked them: they are drawn at random "
        f"(seed {shown.seed}), {turn}new {fine} classes first. To judge by, take the number, not the "
        f"impression: of {scope} queries <b>{share(shown.wrong / shown.asked)}</b> have a wrong nearest "
        f"neighbour. Pictures are cropped to a square here."
    )


def _legend(shown: Shown, manifest: Manifest) -> str:
    scales = manifest.scales
    here = (manifest.labels[shown.neighbours] == manifest.labels[shown.rows][:, None]).sum(-1)
    total = int(shown.levels.sum())
    rows = []
    for level in range(len(scales), -1, -1):
        rows.append(
            f'<tr class="level{level}">{level_head(scales, level)}<td>{int((here == level).sum())}</td>'
            f"<td>{share(shown.levels[level] / total)}</td></tr>"
        )
    asked = f"{'all' if shown.asked == len(manifest) else ''} {shown.asked:,}".strip()
    return (
        f'<table class="legend"><caption class="hidden">What the frames mean</caption><thead><tr>'
        f'<th scope="col">frame</th><th scope="col">of the {here.size} shown</th>'
        f'<th scope="col">first {shown.neighbours.shape[1]} of {asked}</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def level_head(scales: Sequence[str], level: int) -> str:
    """Return the first cell of a legend's row: the frame, the dots and the words of a level."""
    return (
        f'<th scope="row"><span class="key"><span class="swatch"></span>'
        f'<span class="mark" aria-hidden="true">'
        f"{level_mark(scales, level)}</span><span>{safe(level_phrase(scales, level))}</span></span></th>"
    )


def _query(shown: Shown, manifest: Manifest, place: int) -> str:
    row = int(shown.rows[place])
    names = lineage_names(manifest, row)
    fine, *coarser = (breakable(name) for name in names)
    tiles = "".join(
        _tile(manifest, row, int(near), rank, float(value))
        for rank, (near, value) in enumerate(zip(shown.neighbours[place], shown.similarity[place]), 1)
    )
    return (
        f'<div class="query"><figure class="asked">{_picture(manifest, row, f"Query: {safe(names[0])}")}'
        f"<figcaption><b>{fine}</b><span>{' · '.join(coarser)}</span></figcaption></figure>"
        f'<ol class="near">{tiles}</ol></div>'
    )


def _tile(manifest: Manifest, query: int, row: int, rank: int, value: float) -> str:
    level = int((manifest.labels[row] == manifest.labels[query]).sum())
    name = manifest.taxonomy.name(0, int(manifest.labels[row, 0]))
    shares = level_name(manifest.scales, level)
    alt = safe(f"Rank {rank}: {name}; shares {shares}; similarity {decimal(value)}")
    return (
        f'<li class="level{level}"><figure>{_picture(manifest, row, alt)}<figcaption>'
        f'<span class="line"><span class="mark" aria-hidden="true">{level_mark(manifest.scales, level)}'
        f"</span><span>{decimal(value)}</span></span>"
        f'<span class="name" title="{listed_names(manifest, row)}">{breakable(name)}</span>'
        "</figcaption></figure></li>"
    )


def listed_names(manifest: Manifest, row: int) -> str:
    """Return a picture's classes, fine to coarse, and its path, as one line of HTML text."""
    return safe(f"{listed(lineage_names(manifest, row), 'in')}: {manifest.paths[row]}")


def _picture(manifest: Manifest, row: int, alt: str) -> str:
    data = thumbnail(manifest, row)
    if data is None:
        words = f"{alt}; the picture cannot be opened"
        return f'<div class="picture missing" role="img" aria-label="{words}">no picture</div>'
    return f'<img class="picture" src="{data}" alt="{alt}" loading="lazy">'
