"""A sheet of sample pictures in both channel orders, so that a person can see which one is right."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from dyml.data.channels import swap_channels
from dyml.data.images import open_image
from dyml.data.manifest import Manifest
from dyml.errors import ImageError
from dyml.files import atomic_path

_SIDE, _GAP, _CAPTION = 112, 4, 16
CAPTIONS = ("as stored (--channels stored)", "red and blue swapped (--channels swapped)")


def write_sheet(manifest: Manifest, target: Path, pictures: int = 10) -> int:
    """Draw sample pictures as they are stored, and below them with red and blue swapped.

    Args:
        manifest: where to take them from, spread over its coarsest classes; those that cannot be opened are
            passed over.
        target: the PNG file to write.
        pictures: how many columns at most.

    Returns:
        How many pictures were drawn; nothing is written where none can be opened.

    Raises:
        RunError: the file cannot be written.
    """
    tiles: list[Image.Image] = []
    for row in _spread(manifest, 2 * pictures):
        try:
            picture = open_image(manifest.full_path(row), min_size=_SIDE)
        except ImageError:
            continue
        tiles.append(ImageOps.fit(picture, (_SIDE, _SIDE), Image.Resampling.BILINEAR))
        if len(tiles) == pictures:
            break
    if tiles:
        with atomic_path(target) as part:
            _drawn(tiles).save(part)
    return len(tiles)


def _drawn(tiles: list[Image.Image]) -> Image.Image:
    step, height = _SIDE + _GAP, _CAPTION + _SIDE + _GAP
    # Captions need room even above a single picture.
    sheet = Image.new("RGB", (max(_GAP + len(tiles) * step, 3 * step), 2 * height), "white")
    draw = ImageDraw.Draw(sheet)
    for line, caption in enumerate(CAPTIONS):
        draw.text((_GAP, line * height + 2), caption, fill="black")
        for place, tile in enumerate(tiles):
            shown = swap_channels(tile) if line else tile
            sheet.paste(shown, (_GAP + place * step, line * height + _CAPTION))
    return sheet


def _spread(manifest: Manifest, count: int) -> list[int]:
    """Return rows of all coarsest classes in turn, each class' own rows spread over it."""
    coarse = manifest.labels[:, -1]
    classes = [np.flatnonzero(coarse == label) for label in np.unique(coarse)[:count]]
    each = -(-count // len(classes))
    chosen = [rows[np.linspace(0, len(rows) - 1, min(each, len(rows))).astype(int)] for rows in classes]
    turns = [int(rows[turn]) for turn in range(each) for rows in chosen if turn < len(rows)]
    return turns[:count]
