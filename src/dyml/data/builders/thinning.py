"""Leave out thin classes, and cut down fat ones, the same way every time."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from dyml.errors import ManifestError

Ints = NDArray[np.int64]


def thinned(
    fine: list[str], paths: list[str], least: int = 2, most: int | None = None, seed: int = 0
) -> Ints:
    """Choose the pictures of classes that have enough, and at most so many of each.

    Which pictures of a fat class stay follows from their paths and the seed alone, so that a picture more or
    less elsewhere changes nothing.

    Args:
        fine: N names of fine classes.
        paths: N paths.
        least: classes with fewer pictures are left out; one with a single picture can never be retrieved.
        most: pictures of a class to keep; None keeps all.
        seed: another one keeps others.

    Returns:
        Ascending positions of the pictures that stay.

    Raises:
        ManifestError: no class has enough, or most is below least.

    >>> thinned(["a", "a", "b", "c", "c", "c"], ["1", "2", "3", "4", "5", "6"], least=2, most=2).size
    4
    """
    if least < 1 or (most is not None and most < least):
        raise ManifestError(f"least must be 1 or more, and most not below it; got {least} and {most}")
    codes = np.unique(np.array(fine, dtype=object).astype(str), return_inverse=True)[1].reshape(-1)
    sizes = np.bincount(codes)
    enough = sizes >= least
    if not enough.any():
        raise ManifestError(
            f"no fine class has {least} pictures; the largest has {sizes.max()}. Ask for fewer (--least)."
        )
    keep = enough[codes]
    if most is not None:
        groups = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
        for code in np.flatnonzero(enough & (sizes > most)):
            rows = groups[code]
            drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{seed}\0{paths[row]}".encode()).digest())
            keep[drawn[most:]] = False
    return np.flatnonzero(keep)
