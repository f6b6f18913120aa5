"""Pictures in a terminal: by kitty's or iTerm2's protocol, as sixels, or as coloured half blocks."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

Protocol = Literal["kitty", "iterm2", "sixel", "blocks"]
TILE = {"kitty": 96, "iterm2": 96, "sixel": 96, "blocks": 16}
GAP = {"kitty": 6, "iterm2": 6, "sixel": 6, "blocks": 1}
_CHUNK = 4096


def protocol_for(environment: Mapping[str, str]) -> Protocol:
    """Return how a terminal shows pictures, by what it says of itself in its environment."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in environment or "kitty" in term or program in ("ghostty", "WezTerm"):
        return "kitty"
    if program == "iTerm.app" or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if "sixel" in term or term.startswith(("foot", "mlterm")) or term == "yaft-256color":
        return "sixel"
    return "blocks"


def draw(pictures: Sequence[bytes | None], protocol: Protocol, columns: int) -> str:
    """Return text that shows pictures side by side, in rows as wide as the terminal.

    Args:
        pictures: encoded thumbnails; None leaves a place empty.
        protocol: how.
        columns: of the terminal, in letters.
    """
    width = columns if protocol == "blocks" else columns * 8
    strip = montage(pictures, TILE[protocol], GAP[protocol], width)
    if protocol == "blocks":
        return half_blocks(strip)
    if protocol == "sixel":
        return sixels(strip)
    coded = io.BytesIO()
    strip.save(coded, "PNG")
    return kitty(coded.getvalue()) if protocol == "kitty" else iterm2(coded.getvalue())


def montage(pictures: Sequence[bytes | None], side: int, gap: int, width: int) -> Image.Image:
    """Return thumbnails as squares of `side` pixels in rows of at most `width` pixels."""
    across = max(1, min(len(pictures), (width + gap) // (side + gap)))
    down = -(-len(pictures) // across)
    sheet = Image.new("RGB", (across * (side + gap) - gap, max(1, down * (side + gap) - gap)))
    for place, coded in enumerate(pictures):
        if coded is not None:
            with Image.open(io.BytesIO(coded), formats=("JPEG", "PNG")) as picture:
                tile = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.LANCZOS)
            sheet.paste(tile, (place % across * (side + gap), place // across * (side + gap)))
    return sheet


def half_blocks(picture: Image.Image) -> str:
    """Return a picture as text: each ▀ is two pixels, the upper in its colour, the lower behind it."""
    pixels = np.asarray(picture.convert("RGB"))
    if len(pixels) % 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[:1])])
    lines = []
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist()):
        cells = (f"\x1b[38;2;{a[0]};{a[1]};{a[2]};48;2;{b[0]};{b[1]};{b[2]}m▀" for a, b in zip(upper, lower))
        lines.append("".join(cells) + "\x1b[0m")
    return "\n".join(lines)


def kitty(png: bytes) -> str:
    """Return a PNG in kitty's graphics protocol, in chunks."""
    text = base64.standard_b64encode(png).decode()
    chunks = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)] or [""]
    parts = []
    for place, chunk in enumerate(chunks):
        first = "a=T,f=100," if place == 0 else ""
        parts.append(f"\x1b_G{first}m={int(place < len(chunks) - 1)};{chunk}\x1b\\")
    return "".join(parts)


def iterm2(png: bytes) -> str:
    """Return a PNG in iTerm2's inline protocol."""
    text = base64.standard_b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{text}\x07"


def sixels(picture: Image.Image, colours: int = 64) -> str:
    """Return a picture as DEC sixels: bands of six rows, one pass a colour."""
    reduced = picture.convert("RGB").quantize(colours)
    palette = np.array(reduced.getpalette()[: 3 * colours]).reshape(-1, 3)  # type: ignore[index]
    places = np.asarray(reduced)
    parts = ["\x1bPq", f'"1;1;{places.shape[1]};{places.shape[0]}']
    parts += [
        f"#{i};2;{r * 100 // 255};{g * 100 // 255};{b * 100 // 255}" for i, (r, g, b) in enumerate(palette)
    ]
    for start in range(0, len(places), 6):
        band = places[start : start + 6]
        bits = (1 << np.arange(len(band)))[:, None]
        for colour in np.unique(band).tolist():
            row = ((band == colour) * bits).sum(axis=0)
            parts.append(f"#{colour}{''.join(chr(63 + value) for value in row.tolist())}$")
        parts.append("-")
    return "".join(parts) + "\x1b\\"
