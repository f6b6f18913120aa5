"""Which characters become classes, in which faces, and on which side of the split.

A class must be tellable: of the characters that look alike (Latin A, Greek Alpha, Cyrillic A) the lowest code
point stays. A class must have faces, and its coarser classes must have enough below them.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from dyml.data.glyphs.drawing import FACES, draw_face, face_characters
from dyml.data.glyphs.letters import letter
from dyml.data.glyphs.lookalikes import distinct_faces, lookalikes
from dyml.data.glyphs.symbols import sign
from dyml.errors import InputError

JUDGED_SIZE = 32  # drawings are compared at this side, whatever the size asked for
MIN_FACES = 4  # distinct drawings of a fine class
MIN_FINE = 4  # fine classes of a middle class
MIN_MIDDLE = 2  # middle classes of a coarse class
MIN_COARSE_FINE = 24  # fine classes of a coarse class
TEST_SHARE = 0.4  # of the fine classes of every middle class


@dataclass(frozen=True)
class Glyph:
    """One fine class: a character, its classes and the faces that draw it differently.

    Attributes:
        code: the code point.
        fine: such as "U+00C1 LATIN CAPITAL LETTER A WITH ACUTE".
        middle: such as "latin A".
        coarse: such as "latin".
        split: "train" or "test".
        faces: names of the faces, in the order of `drawing.FACES`.
    """

    code: int
    fine: str
    middle: str
    coarse: str
    split: str
    faces: tuple[str, ...]


@cache
def select_glyphs() -> tuple[Glyph, ...]:
    """Return every class of the glyphs, in the order of coarse, middle and code point."""
    classes = _classified()
    drawings = {
        face: draw_face(face, sorted(classes.keys() & face_characters(face)), JUDGED_SIZE) for face in FACES
    }
    faces = {code: distinct_faces({f: d[code] for f, d in drawings.items() if code in d}) for code in classes}
    classes = {code: classes[code] for code in sorted(classes) if len(faces[code]) >= MIN_FACES}
    twins = lookalikes({f: {c: p for c, p in d.items() if c in classes} for f, d in drawings.items()})
    classes = _thick_enough({code: names for code, names in classes.items() if code not in twins})
    sides = split_sides({code: middle for code, (_, middle) in classes.items()})
    glyphs = [
        Glyph(code, _fine_name(code), middle, coarse, sides[code], faces[code])
        for code, (coarse, middle) in classes.items()
    ]
    return tuple(sorted(glyphs, key=lambda glyph: (glyph.coarse, glyph.middle, glyph.code)))


def first_glyphs(glyphs: Sequence[Glyph], limit: int | None) -> list[Glyph]:
    """Return a small set that is shaped like the whole: several classes at every scale, on both sides.

    The set grows evenly in three directions: 8 glyphs are 2 coarse classes of 2 middle classes of 2 fine
    classes (one a side), 64 are 4 of 4 of 4. The largest classes come first.

    Raises:
        InputError: a limit below 8.
    """
    if limit is None:
        return list(glyphs)
    if limit < 8:
        raise InputError(f"limit must be 8 fine classes or more; got {limit}")
    sizes = Counter(g.coarse for g in glyphs) + Counter(g.middle for g in glyphs)
    coarse = sorted({g.coarse for g in glyphs}, key=lambda name: (-sizes[name], name))
    below: dict[str, dict[str, list[Glyph]]] = {name: {} for name in coarse}
    for glyph in glyphs:
        below[glyph.coarse].setdefault(glyph.middle, []).append(glyph)
    ranked = []
    for i, name in enumerate(coarse):
        for j, middle in enumerate(sorted(below[name], key=lambda m: (-sizes[m], m))):
            for side in ("train", "test"):
                members = [glyph for glyph in below[name][middle] if glyph.split == side]
                ranked += [(max(i // 2, j // 2, k), i, j, k, side, glyph) for k, glyph in enumerate(members)]
    ranked.sort(key=lambda row: row[:5])
    return [row[-1] for row in ranked[:limit]]


def split_sides(middles: dict[int, str]) -> dict[int, str]:
    """Return "train" or "test" for every code point: the test share of every middle class, by digest."""
    members: dict[str, list[int]] = {}
    for code, middle in middles.items():
        members.setdefault(middle, []).append(code)
    sides = {}
    for codes in members.values():
        ranked = sorted(codes, key=lambda code: hashlib.md5(_fine_name(code).encode()).hexdigest())
        held_out = max(1, round(TEST_SHARE * len(codes)))
        sides.update({code: "test" if place < held_out else "train" for place, code in enumerate(ranked)})
    return sides


def _classified() -> dict[int, tuple[str, str]]:
    codes = sorted({code for face in FACES for code in face_characters(face)})
    found = {}
    for code in codes:
        if unicodedata.category(chr(code))[0] in "CMZ":  # controls and unassigned, marks, blanks
            continue
        names = letter(code) or sign(code)
        if names:
            found[code] = (names[0], f"{names[0]} {names[1]}")
    return found


def _thick_enough(classes: dict[int, tuple[str, str]]) -> dict[int, tuple[str, str]]:
    middles = Counter(middle for _, middle in classes.values())
    classes = {code: names for code, names in classes.items() if middles[names[1]] >= MIN_FINE}
    fine = Counter(coarse for coarse, _ in classes.values())
    below = Counter(coarse for coarse, _ in set(classes.values()))
    return {
        code: names
        for code, names in classes.items()
        if fine[names[0]] >= MIN_COARSE_FINE and below[names[0]] >= MIN_MIDDLE
    }


def _fine_name(code: int) -> str:
    return f"U+{code:04X} {unicodedata.name(chr(code))}"
