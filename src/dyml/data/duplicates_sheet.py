"""The duplicates of a manifest as one closed HTML file with the pictures side by side."""

import base64
import io
from html import escape
from pathlib import Path

from PIL import ImageOps

from dyml.data.check import Duplicate
from dyml.data.duplicates import DuplicateReport, NearPair
from dyml.data.images import open_image
from dyml.errors import ImageError
from dyml.files import write_text

_SIDE, _MOST = 160, 300
_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
section { border-top: 1px solid #8884; padding: .8rem 0; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; }
figure { margin: 0; max-width: 14rem; }
img { width: 10rem; height: 10rem; object-fit: contain; background: #8882; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; }
.leak { font-weight: 600; }
"""


def write_duplicates(report: DuplicateReport, root: Path, target: str | Path) -> None:
    """Write the pairs and groups of a report with their pictures, leaks first.

    Args:
        report: from `find_duplicates`.
        root: the folder that its paths are relative to.
        target: the file to write.

    Raises:
        RunError: the file cannot be written.
    """
    found: list[Duplicate | NearPair] = [*report.exact, *report.near]
    found.sort(key=lambda each: (not each.splits_differ, not each.labels_differ))
    title = f"Duplicates in {escape(report.manifest)}"
    more = len(found) - _MOST
    parts = [
        f"<h1>{title}</h1>",
        "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in report.lines() or ["None."]) + "</ul>",
        *(_finding(each, root) for each in found[:_MOST]),
        f"<p>And {more:,} more, not shown.</p>" if more > 0 else "",
    ]
    write_text(
        target,
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style></head>\n<body>\n{chr(10).join(parts)}\n</body></html>\n",
    )


def _finding(found: Duplicate | NearPair, root: Path) -> str:
    if isinstance(found, NearPair):
        words = [f"alike: similarity {found.similarity:.3f}, {found.bits} of 64 bits differ"]
    else:
        words = ["the same byte for byte"]
    words += ["two labels"] * found.labels_differ + ["in two splits: a leak"] * found.splits_differ
    figures = "".join(
        _figure(root / path, f"row {row}: {path}") for row, path in zip(found.rows, found.paths)
    )
    mark = ' class="leak"' if found.splits_differ else ""
    return f'<section><p{mark}>{escape("; ".join(words))}</p><div class="row">{figures}</div></section>'


def _figure(path: Path, caption: str) -> str:
    text = escape(caption)
    try:
        picture = ImageOps.contain(open_image(path, min_size=_SIDE), (_SIDE, _SIDE))
    except ImageError:
        return f"<figure><figcaption>{text} (cannot be opened)</figcaption></figure>"
    coded = io.BytesIO()
    picture.save(coded, "JPEG", quality=80)
    data = base64.b64encode(coded.getvalue()).decode()
    image = f'<img src="data:image/jpeg;base64,{data}" alt="{text}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>"
