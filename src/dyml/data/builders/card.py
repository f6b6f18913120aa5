"""A data card: one closed HTML file that says what is in a manifest, for people who meet it first."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dyml.data.builders.sizes_figure import sizes_figure
from dyml.data.channels import in_order
from dyml.data.check import ClassCount, class_counts, shared_classes, single_classes
from dyml.data.images import open_image
from dyml.data.manifest import Manifest
from dyml.data.split import side_counts
from dyml.errors import ImageError, shortened
from dyml.files import write_text

_SIDE, _ROWS, _COLUMNS = 96, 8, 8
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; border-bottom: 1px solid #8884; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: .9rem; opacity: .8; }
.row { display: flex; flex-wrap: wrap; gap: .4rem; }
.row img { width: 6rem; height: 6rem; object-fit: cover; }
svg { width: 100%; height: auto; }
"""


def write_card(
    manifest: Manifest, target: str | Path, title: str | None = None, notes: Sequence[str] = ()
) -> None:
    """Write what a manifest holds as one HTML file: counts, imbalance, split, and a sheet of samples.

    Args:
        manifest: the pictures; those of the sheet are opened.
        target: the file to write.
        title: the heading; None is the name of the pictures' folder.
        notes: what else a person should know, one sentence each.

    Raises:
        RunError: the file cannot be written.
    """
    heading = escape(title or manifest.root.resolve().name)
    parts = [
        f"<h1>{heading}</h1>",
        f"<p>{len(manifest):,} pictures; {escape(_classes(manifest))}.</p>",
        f"<h2>Classes and pictures</h2>{_table(class_counts(manifest))}",
        "<h2>How even the classes are</h2>",
        *(_sizes(manifest, m) for m in range(len(manifest.scales))),
        f"<h2>Split</h2>{_list(_split(manifest))}",
        f"<h2>Samples</h2>{_samples(manifest)}",
    ]
    if notes:
        parts.append(f"<h2>How it was made</h2>{_list(notes)}")
    write_text(
        target,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{heading}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head>\n"
        f"<body>\n{chr(10).join(parts)}\n</body></html>\n",
    )


def _classes(manifest: Manifest) -> str:
    counts = zip(manifest.taxonomy.num_classes, manifest.scales)
    return "classes, fine to coarse: " + ", ".join(f"{count:,} {scale}" for count, scale in counts)


def _table(counts: Sequence[ClassCount]) -> str:
    heads = ("split", "scale", "classes", "pictures", "a class: least", "median", "most")
    rows = [
        (c.split, c.scale, *(f"{n:,}" for n in (c.classes, c.pictures, c.least, round(c.median), c.most)))
        for c in counts
    ]
    head = "".join(f"<th>{word}</th>" for word in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _sizes(manifest: Manifest, scale: int) -> str:
    sizes = np.sort(np.bincount(manifest.labels[:, scale]))[::-1]
    tenth = sizes[: max(1, len(sizes) // 10)].sum() / sizes.sum()
    largest = manifest.taxonomy.name(scale, int(np.bincount(manifest.labels[:, scale]).argmax()))
    words = (
        f"{manifest.scales[scale]}: the largest class, {largest}, has {sizes[0] / sizes[-1]:,.1f} times the "
        f"pictures of the smallest; the largest tenth of the classes has {tenth:.0%} of all pictures."
    )
    return f"<figure>{sizes_figure(sizes)}<figcaption>{escape(words)}</figcaption></figure>"


def _split(manifest: Manifest) -> list[str]:
    if manifest.split is None:
        return ["There is no split."]
    shared, single = shared_classes(manifest), single_classes(manifest)
    lines = [
        f"Not open-set: {len(shared):,} fine classes of train are in another split: {shortened(shared)}."
        if shared
        else "Open-set: no fine class of train is in another split."
    ]
    lines += [
        f"{side.scale}: {side.several:,} of {side.classes:,} classes are in several splits."
        for side in side_counts(manifest)
    ]
    if single:
        lines.append(f"{len(single):,} fine classes have a single picture: {shortened(single)}.")
    return lines


def _samples(manifest: Manifest) -> str:
    coarse = manifest.labels[:, -1]
    classes = np.argsort(-np.bincount(coarse), kind="stable")
    figures = []
    for label in classes[:_ROWS]:
        rows = np.flatnonzero(coarse == label)
        # One picture a fine class first, so that a row shows how wide the class is.
        first = rows[np.unique(manifest.labels[rows, 0], return_index=True)[1]]
        spread = first[np.unique(np.linspace(0, len(first) - 1, _COLUMNS).astype(int))]
        pictures = "".join(_thumbnail(manifest, int(row)) for row in spread)
        name = escape(manifest.taxonomy.name(len(manifest.scales) - 1, int(label)))
        words = f"{name}, {len(rows):,} pictures of {len(first):,} {escape(manifest.scales[0])} classes"
        figures.append(f'<figure><div class="row">{pictures}</div><figcaption>{words}</figcaption></figure>')
    if len(classes) > _ROWS:
        figures.append(f"<p>and {len(classes) - _ROWS:,} classes more</p>")
    return "".join(figures)


def _thumbnail(manifest: Manifest, row: int) -> str:
    labels = manifest.labels[row].tolist()
    names = escape(" · ".join(manifest.taxonomy.name(m, label) for m, label in enumerate(labels)), quote=True)
    try:
        picture = in_order(open_image(manifest.full_path(row), min_size=_SIDE), manifest.channel_order)
    except ImageError:
        return f'<img alt="{names}: cannot be opened" title="{names}">'
    coded = io.BytesIO()
    ImageOps.fit(picture, (_SIDE, _SIDE), Image.Resampling.BILINEAR).save(coded, "JPEG", quality=82)
    data = base64.b64encode(coded.getvalue()).decode()
    return f'<img alt="{names}" title="{names}" src="data:image/jpeg;base64,{data}">'


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
