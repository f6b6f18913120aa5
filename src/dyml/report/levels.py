"""The words and marks for how many scales two pictures share: level 0 (nothing) to L (the finest class)."""

from collections.abc import Sequence


def level_name(scales: Sequence[str], level: int) -> str:
    """Return the finest scale that two pictures of a level share, or `nothing`.

    >>> [level_name(("fine", "middle", "coarse"), level) for level in (3, 2, 1, 0)]
    ['fine', 'middle', 'coarse', 'nothing']
    """
    return scales[len(scales) - level] if level else "nothing"


def level_phrase(scales: Sequence[str], level: int) -> str:
    """Return what the pairs of a level have in common and what not.

    >>> [level_phrase(("fine", "middle", "coarse"), level) for level in (3, 2, 1, 0)]
    ['same fine', 'same middle, other fine', 'same coarse, other middle', 'nothing shared']
    """
    if level == len(scales):
        return f"same {scales[0]}"
    if level == 0:
        return "nothing shared"
    return f"same {scales[len(scales) - level]}, other {scales[len(scales) - level - 1]}"


def level_mark(scales: Sequence[str], level: int) -> str:
    """Return one filled dot a shared scale, so that a level can be read without its colour.

    >>> level_mark(("fine", "middle", "coarse"), 2)
    '●●○'
    """
    return "●" * level + "○" * (len(scales) - level)
