"""The tables of a release, with their quirks: columns parted by comma and blank, and a glued header.

The header line has no line end of its own, so the first record is glued to it:

    fname, coarse_id, middle_id, fine_id0.jpg, 3, 17, 201

A plain CSV reader takes `fine_id0.jpg` for a column's name and loses that record. Here the header is known by
its words, whatever follows them; tables that someone has mended are read alike.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dyml.errors import ManifestError, shortened

Ints = NDArray[np.int64]
_MOST_DIGITS = 18  # any more may not fit int64
# One word at a time and longest first, so that what is glued to the last one is left over.
_ALL_SCALES = re.compile(r"\s*fname((?:\s*,\s*(?:coarse|middle|fine)(?:_id)?){3})", re.IGNORECASE)
_ONE_SCALE = re.compile(
    r"\s*fname\s*,\s*(?:labels|label_id|label|(?:coarse|middle|fine)(?:_id)?)", re.IGNORECASE
)


@dataclass(frozen=True)
class Records:
    """The rows of one table.

    Attributes:
        file: where they were read from.
        names: N picture names, relative to the part's folder.
        labels: (N, L) int64, finest scale first.
        glued: the first record was glued to the header.
        ended: the last row has a line end; a table that was cut short mostly has none.
    """

    file: Path
    names: list[str]
    labels: Ints
    glued: bool
    ended: bool

    def __len__(self) -> int:
        return len(self.names)


def read_records(file: Path, scales: Sequence[str]) -> Records:
    """Read a table of a release.

    Args:
        file: `label.csv`, `query.csv` or `gallery.csv`.
        scales: the label columns to give, fine to coarse: all three, or the one that the table has.

    Raises:
        ManifestError: the table is missing, not UTF-8, has no such header or no rows, or a row has not the
            right number of values, a label that is no whole number, or a name outside of its folder.
    """
    text = _text(file)
    order, rest = _header(file, text, scales)
    # splitlines would also break at characters that may be part of a name.
    lines = rest.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # The header is row 1, and so is a record that is glued to it.
    numbered = [(number, line.split(",")) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise ManifestError(f"{file}: no rows below the header: fetch it again")
    _check_lengths(file, numbered, 1 + len(order))
    names = [values[0].strip() for _, values in numbered]
    _check_names(file, numbered, names)
    columns = [_whole_numbers(file, numbered, 1 + order.index(scale), scale) for scale in scales]
    return Records(
        file,
        names,
        np.stack(columns, axis=1),
        glued=bool(lines[0].strip()),
        ended=text.endswith(("\n", "\r")),
    )


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ManifestError(f"no table {file}: unpack the set again") from error
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{file}: is not UTF-8 text (byte {error.start}): fetch it again") from error


def _header(file: Path, text: str, scales: Sequence[str]) -> tuple[list[str], str]:
    """Return the scales in the order of the columns, and all that follows the header."""
    wanted = _ONE_SCALE if len(scales) == 1 else _ALL_SCALES
    found = wanted.match(text)
    if found is None:
        start = text.lstrip()[:60].splitlines()
        header = "fname, labels" if len(scales) == 1 else "fname, coarse_id, middle_id, fine_id"
        raise ManifestError(
            f"{file}: row 1 begins {start[0] if start else ''!r}; a table of an official set begins "
            f"{header!r}. Put that line on top, or fetch the table again."
        )
    if len(scales) == 1:
        return list(scales), text[found.end() :]
    order = [word.strip().lower().removesuffix("_id") for word in found.group(1).split(",")[1:]]
    if sorted(order) != sorted(scales):
        raise ManifestError(
            f"{file}: row 1 must name {shortened(sorted(scales))} once each; got {', '.join(order)}"
        )
    return order, text[found.end() :]


def _check_lengths(file: Path, numbered: list[tuple[int, list[str]]], width: int) -> None:
    wrong = [(number, len(values)) for number, values in numbered if len(values) != width]
    last, values = numbered[-1]
    there = len(values) - (not values[-1].strip())
    if there < width and (not wrong or wrong[0][0] == last):
        raise ManifestError(
            f"{file}: is cut short: its last row, {last}, has {there} of {width} values. Fetch it again."
        )
    if not wrong:
        return
    number, length = wrong[0]
    more = f" ({len(wrong):,} rows are wrong)" if len(wrong) > 1 else ""
    raise ManifestError(
        f"{file}: row {number} has {length} values, but {width} belong there{more}. Fetch it again, or "
        f"correct the row."
    )


def _check_names(file: Path, numbered: list[tuple[int, list[str]]], names: list[str]) -> None:
    for (number, _), name in zip(numbered, names):
        if not name or name[0] == "/" or "\\" in name or "\x00" in name or ".." in name.split("/"):
            raise ManifestError(
                f"{file}: row {number}: {name!r} is no name of a picture in its folder. Correct the row."
            )


def _whole_numbers(file: Path, numbered: list[tuple[int, list[str]]], column: int, scale: str) -> Ints:
    words = [values[column].strip() for _, values in numbered]
    for (number, _), word in zip(numbered, words):
        if not (word.isascii() and word.isdigit() and len(word) <= _MOST_DIGITS):
            raise ManifestError(
                f"{file}: row {number}: the {scale} label is {word!r}; labels are whole numbers from 0 up. "
                f"Fetch the table again, or correct the row."
            )
    return np.array(list(map(int, words)), dtype=np.int64)
