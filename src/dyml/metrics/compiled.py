"""Numba, set up in one way for the whole package.

Compiled code is kept on disk. It is renewed when its own file changes, but not when another file does whose
compiled functions it calls: so compiled functions call none outside their file.
"""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function of arrays and numbers at its first call; it runs without the interpreter lock."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:
        # Neither the package's folder nor the user's cache can be written.
        return numba.njit(nogil=True)(function)
