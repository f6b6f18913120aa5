"""The order of the colour channels: as stored, or with red and blue swapped.

A remark in the authors' loader says that the stored channels are reversed. Their successors read the files as
they are, and published results are theirs, so that is the default.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from PIL import Image

from dyml.errors import InputError, suggest

ChannelOrder = Literal["stored", "swapped"]
STORED: Literal["stored"] = "stored"
SWAPPED: Literal["swapped"] = "swapped"
ORDERS: tuple[ChannelOrder, ...] = (STORED, SWAPPED)


def checked_order(order: str) -> ChannelOrder:
    """Return a channel order.

    Raises:
        InputError: it is neither stored nor swapped.
    """
    for known in ORDERS:
        if order == known:
            return known
    raise InputError(f"no channel order {order!r}; there are {', '.join(ORDERS)}.{suggest(order, ORDERS)}")


def swap_channels(picture: Image.Image) -> Image.Image:
    """Return an RGB picture with red and blue swapped."""
    red, green, blue = picture.split()
    return Image.merge("RGB", (blue, green, red))


def in_order(transform: Callable[[Any], Any], order: str) -> Callable[[Any], Any]:
    """Return a transform of pictures that puts the channels in order first.

    Args:
        transform: from an RGB picture, such as `train_transform(…)` or `eval_transform(…)`.
        order: stored or swapped.

    Returns:
        A callable that can be pickled if `transform` can: for `ImageDataset(manifest, …)`.
    """
    return transform if checked_order(order) == STORED else partial(_swapped, transform)


def _swapped(transform: Callable[[Any], Any], picture: Image.Image) -> Any:
    return transform(swap_channels(picture))
