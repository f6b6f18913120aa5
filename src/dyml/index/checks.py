"""Checks of what a gallery is given; each error names the item and the mend."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dyml.errors import InputError, suggest
from dyml.index.items import Floats, Labels, Metadata

MOST_ID = 255
MOST_NAME = 1000
MOST_KEY = 100
MOST_TEXT = 100_000


def check_id(value: object) -> str:
    """Return an id that is fit to be one.

    Raises:
        InputError: no text, empty, too long, or with control characters.
    """
    if not isinstance(value, str):
        raise InputError(f"an id must be text; got {value!r} ({type(value).__name__})")
    if not 1 <= len(value) <= MOST_ID:
        raise InputError(f"an id must have 1 to {MOST_ID} characters; {value[:40]!r} has {len(value)}")
    if not value.isascii() or not value.isprintable():
        _check_text(value, f"the id {value!r}")
    return value


def check_labels(labels: object, scales: Sequence[str], name: str) -> Labels:
    """Return labels whose scales are the gallery's and whose class names are text.

    Args:
        labels: scale name -> class name.
        scales: the gallery's.
        name: the id, for messages.

    Raises:
        InputError: another scale, or a class name that is no text.
    """
    if not isinstance(labels, Mapping):
        raise InputError(f"{name!r}: labels must be a mapping scale -> class; got {type(labels).__name__}")
    for scale, label in labels.items():
        if scale not in scales:
            raise InputError(
                f"{name!r}: no scale {scale!r}; the gallery has {', '.join(scales)}."
                f"{suggest(str(scale), scales)} Other values belong into metadata."
            )
        check_class(label, scale, name)
    return dict(labels)


def check_class(label: object, scale: str, name: str) -> None:
    """Refuse a class name that is no text, empty or too long."""
    if not isinstance(label, str):
        raise InputError(
            f"{name!r}: the class at scale {scale!r} must be text; got {label!r} ({type(label).__name__})"
        )
    if not 1 <= len(label) <= MOST_NAME:
        raise InputError(
            f"{name!r}: the class at scale {scale!r} must have 1 to {MOST_NAME} characters; it has "
            f"{len(label)}. Leave the scale out where there is no class."
        )
    if not label.isascii() or not label.isprintable():
        _check_text(label, f"{name!r}: the class at scale {scale!r}")


def check_metadata(metadata: object, scales: Sequence[str], name: str) -> Metadata:
    """Return metadata whose names and values are plain.

    Raises:
        InputError: a name that is no text, or is a scale; a value that is no text, whole number, finite
            number or truth value.
    """
    if not isinstance(metadata, Mapping):
        raise InputError(f"{name!r}: metadata must be a mapping; got {type(metadata).__name__}")
    for key, value in metadata.items():
        if not isinstance(key, str) or not 1 <= len(key) <= MOST_KEY:
            raise InputError(f"{name!r}: a metadata name must be text of 1 to {MOST_KEY} characters: {key!r}")
        _check_text(key, f"{name!r}: the metadata name {key!r}")
        if key in scales or key == "id":
            raise InputError(f"{name!r}: {key!r} is no name for metadata: the gallery uses it itself")
        if isinstance(value, str):
            if len(value) > MOST_TEXT:
                raise InputError(f"{name!r}: metadata {key!r} has more than {MOST_TEXT:,} characters")
            _check_encodable(value, f"{name!r}: metadata {key!r}")
        elif type(value) is int:
            if abs(value) >= 2**63:
                raise InputError(f"{name!r}: metadata {key!r} is too large a number: {value}")
        elif type(value) is not bool and not (type(value) is float and math.isfinite(value)):
            raise InputError(
                f"{name!r}: metadata {key!r} must be text, a whole number, a finite number or true or false; "
                f"got {value!r} ({type(value).__name__})"
            )
    return dict(metadata)


def unit_rows(vectors: Any, dim: int, names: Sequence[str] | None = None, what: str = "vectors") -> Floats:
    """Return vectors as float32 unit rows.

    Args:
        vectors: (N, D) numbers of any length.
        dim: D of the gallery.
        names: N ids, for messages.
        what: what they are, for messages.

    Raises:
        InputError: another shape, NaN or infinity, or a vector of length 0.
    """
    try:
        table = np.asarray(vectors, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise InputError(f"{what} must be numbers (N, {dim}): {error}") from error
    if table.ndim != 2 or table.shape[1] != dim:
        raise InputError(f"{what} must be (N, {dim}): the gallery has {dim} numbers; got {table.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("nd,nd->n", table, table))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-12))
    if len(bad):
        row = int(bad[0])
        name = repr(names[row]) if names is not None else f"row {row}"
        why = "has length 0" if lengths[row] < 1e-12 else "holds NaN, infinity or huge numbers"
        raise InputError(f"{what}: {name} {why}, so it has no direction. Correct it or leave it out.")
    # Unit rows stay as they are to the last bit, so that adding them again finds them unchanged.
    off = np.abs(lengths - 1) > 1e-5
    if off.any():
        table = table.copy()
        table[off] /= lengths[off, None]
    return np.ascontiguousarray(table)


def query_rows(query: Any, dim: int) -> tuple[Floats, bool]:
    """Return queries as (Q, D) unit rows, and whether there was one alone, (D,).

    Raises:
        InputError: another shape, NaN, or a vector of length 0.
    """
    table = np.asarray(query)
    if table.dtype == object or table.ndim not in (1, 2):
        raise InputError(f"a query must be a vector ({dim},) or vectors (Q, {dim}); got {table.shape}")
    single = table.ndim == 1
    return unit_rows(table[None] if single else table, dim, what="the query"), single


def _check_text(value: str, what: str) -> None:
    _check_encodable(value, what)
    if any(unicodedata.category(letter) == "Cc" for letter in value):
        raise InputError(f"{what} holds control characters (such as line ends). Remove them.")


def _check_encodable(value: str, what: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} holds half of a character pair, which is no text: {error.reason}"
        ) from error
