"""The report's colours, once for light and once for dark pages.

Figures are drawn with stand-in colours; on the page each is replaced by a CSS variable, so that one SVG
follows the reader's theme. Levels run from cold (the finest class shared) to warm (nothing shared) and differ
in lightness too, so that they stay apart for readers who do not see red and green apart.
"""

Rgb = tuple[int, int, int]

_FINE_TO_COARSE = {"light": ("#1d5fc4", "#1f9e95", "#c98300"), "dark": ("#6aa5ff", "#4fcdbb", "#f0b84a")}
_NOTHING = {"light": "#b0305c", "dark": "#f0527f"}
_CLASSES = {
    "light": ("#2f6fb3", "#c8471d", "#24803f", "#8a4fa8", "#8f6d00", "#0f7f8c", "#b8407e", "#6b5b4b"),
    "dark": ("#6fa9e6", "#f08a63", "#62bd80", "#bb8ad4", "#dcb43c", "#55c3cf", "#e07fb2", "#b3a08c"),
}
_REST = {"light": "#8b929b", "dark": "#7b838d"}
_PAGE = {
    "light": {"ink": "#1a1d21", "soft": "#5c636d", "line": "#dfe3e8", "card": "#ffffff", "page": "#f5f6f8"},
    "dark": {"ink": "#e8eaed", "soft": "#a0a8b3", "line": "#343a43", "card": "#1b1f25", "page": "#121519"},
}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

MOST_CLASSES = len(_MARKERS)


def level_colours(scales: int, theme: str = "light") -> list[str]:
    """Return L + 1 colours, `[level]` for pictures that share `level` of the L scales.

    >>> level_colours(1)
    ['#b0305c', '#1d5fc4']
    """
    anchors = [_rgb(colour) for colour in _FINE_TO_COARSE[theme]]
    ramp = []
    for place in range(scales):
        where = 0.0 if scales == 1 else place / (scales - 1) * (len(anchors) - 1)
        below = min(int(where), len(anchors) - 2)
        ramp.append(_mixed(anchors[below], anchors[below + 1], where - below))
    return [_NOTHING[theme], *reversed(ramp)]


def class_marker(place: int) -> str:
    """Return matplotlib's marker for the class of a place; the rest, from `MOST_CLASSES` on, are dots."""
    return _MARKERS[place] if place < MOST_CLASSES else "."


def stand_in(name: str) -> str:
    """Return the stand-in colour that figures use for a CSS variable.

    Names are `ink`, `soft`, `line`, `card`, `level0` … and `class0` …

    >>> stand_in("ink"), stand_in("level2")
    ('#fe0100', '#fe0202')
    """
    group, place = name.rstrip("0123456789"), name.lstrip("abcdefghijklmnopqrstuvwxyz")
    if group == "level":
        return f"#fe02{int(place):02x}"
    if group == "class":
        return f"#fe03{min(int(place), MOST_CLASSES):02x}"
    return f"#fe01{('ink', 'soft', 'line', 'card').index(group):02x}"


def variables(scales: int, theme: str) -> dict[str, str]:
    """Return every colour of a theme by its name, without the CSS dashes."""
    levels = {f"level{level}": colour for level, colour in enumerate(level_colours(scales, theme))}
    classes = {f"class{place}": colour for place, colour in enumerate((*_CLASSES[theme], _REST[theme]))}
    return {**_PAGE[theme], **levels, **classes}


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(a: Rgb, b: Rgb, share: float) -> str:
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b))
