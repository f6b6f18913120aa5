"""The made-up gallery of glyphs behind the stand-in service.

Vectors are drawn around centres of the tree, so that similarities fall as in a trained
space; the curves are counted on all pairs.
"""

import io
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALES = ("fine", "middle", "coarse")
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
)
FAMILIES = {
    "latin": [c for c in range(0x41, 0x180) if chr(c).isalpha()],
    "greek": [*range(0x391, 0x3A2), *range(0x3A3, 0x3AA), *range(0x3B1, 0x3CA), *range(0x3AC, 0x3B0)],
    "cyrillic": [*range(0x410, 0x450), 0x401, 0x451, 0x407, 0x457, 0x419, 0x439],
    "arrows": [*range(0x2190, 0x219A), *range(0x21D0, 0x21DA)],
    "chess": list(range(0x2654, 0x2660)),
}


@dataclass
class Gallery:
    """Items of the made-up gallery, their labels, vectors and places on the map."""

    ids: list[str]
    codes: list[int]
    faces: list[str]
    labels: list[dict[str, str]]
    vectors: np.ndarray
    places: np.ndarray

    @cached_property
    def similarity(self) -> np.ndarray:
        """(N, N) cosines."""
        return self.vectors @ self.vectors.T

    @cached_property
    def shared(self) -> np.ndarray:
        """(N, N) how many scales two items share."""
        codes = [np.unique([row[s] for row in self.labels], return_inverse=True)[1] for s in SCALES]
        return sum((c[:, None] == c[None]).astype(np.int8) for c in codes)

    @cached_property
    def scales(self) -> list[dict[str, Any]]:
        """Threshold, EER and curve of every scale."""
        upper = np.triu_indices(len(self.ids), 1)
        similarity, shared = self.similarity[upper], self.shared[upper]
        knots = np.linspace(-1, 1, 401)
        counts = [np.histogram(similarity[shared == level], np.append(knots, 1.005))[0] for level in range(4)]
        weights = [count / max(count.sum(), 1) for count in counts]  # every level equally likely
        found, floor = [], np.zeros(401)
        for place, name in enumerate(SCALES):
            same, other = sum(weights[3 - place :]), sum(weights[: 3 - place])
            curve = np.maximum.accumulate(same / np.maximum(same + other, 1e-9))
            curve[knots > 0.97] = max(curve.max(), 0.97)
            floor = np.maximum(floor, curve)
            missed, wrong = np.cumsum(same) / sum(same), 1 - np.cumsum(other) / sum(other)
            cut, even = int(np.argmax(floor >= 0.5)), int(np.argmin(np.abs(missed - wrong)))
            found.append(
                {
                    "name": name,
                    "threshold": round(float(knots[cut]), 4),
                    "eer": round(float(missed[even] + wrong[even]) / 2, 4),
                    "curve": {"similarity": knots.round(4).tolist(), "probability": floor.round(4).tolist()},
                }
            )
        return found

    @cached_property
    def curves(self) -> tuple[np.ndarray, np.ndarray]:
        """(401,) similarities and (L, 401) chances."""
        rows = [scale["curve"] for scale in self.scales]
        return np.array(rows[0]["similarity"]), np.array([row["probability"] for row in rows])

    def chances(self, similarity: float) -> dict[str, float]:
        """Return P(same) per scale."""
        return self.all_chances(np.array([similarity]))[0]

    def all_chances(self, similarities: np.ndarray) -> list[dict[str, float]]:
        """Return P(same) per scale for each similarity."""
        at, rows = self.curves
        table = np.stack([np.interp(similarities, at, row).round(4) for row in rows], axis=1)
        return [dict(zip(SCALES, row)) for row in table.tolist()]


@cache
def gallery() -> Gallery:
    """Return the gallery of about 1,900 glyphs, the same every time."""
    rng = np.random.default_rng(7)
    made = Gallery([], [], [], [], np.zeros(0), np.zeros(0))
    centres: dict[str, np.ndarray] = {}
    places: dict[str, np.ndarray] = {}
    vectors, spots = [], []
    for turn, (family, codes) in enumerate(FAMILIES.items()):
        places[family] = 4.2 * np.array([np.cos(turn * 1.257), np.sin(turn * 1.257)])
        for code in codes:
            base = unicodedata.normalize("NFKD", chr(code))[0].upper()
            middle = f"{family} {base if base.isalpha() else unicodedata.name(base).split()[-1].lower()}"
            fine = f"U+{code:04X} {unicodedata.name(chr(code))}"
            for name, spread in ((family, 1.0), (middle, 1.05), (fine, 0.75)):
                centres.setdefault(name, spread * rng.standard_normal(48) / 48**0.5)
            places.setdefault(middle, rng.standard_normal(2) * 1.25)
            places.setdefault(fine, rng.standard_normal(2) * 0.34)
            for face in FACES:
                made.ids.append(f"{family}/U+{code:04X}/{face}.png")
                made.codes.append(code)
                made.faces.append(face)
                made.labels.append({"fine": fine, "middle": middle, "coarse": family})
                noise = 0.8 * rng.standard_normal(48) / 48**0.5
                vectors.append(centres[family] + centres[middle] + centres[fine] + noise)
                spots.append(places[family] + places[middle] + places[fine] + rng.standard_normal(2) * 0.07)
    table = np.array(vectors)
    made.vectors = table / np.linalg.norm(table, axis=1, keepdims=True)
    made.places = np.array(spots)
    return made


@cache
def picture(code: int, face: str, size: int = 96) -> bytes:
    """Return a PNG of a character: white on dark, like the built-in data."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{face}.ttf"
    image = Image.new("L", (size, size), 16)
    font = ImageFont.truetype(str(path), int(size * 0.66))
    ImageDraw.Draw(image).text((size / 2, size / 2), chr(code), fill=245, font=font, anchor="mm")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
