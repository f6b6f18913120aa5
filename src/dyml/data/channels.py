"""The order of the colour channels: as stored, or with red and blue swapped.

A remark in the authors' loader says that the stored channels are reversed. Their successors read the files as
they are, and published results are theirs, so that is the default.
"""

from typing import Literal

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


def in_order(picture: Image.Image, order: ChannelOrder) -> Image.Image:
    """Return an RGB picture as stored, or with red and blue swapped."""
    return swap_channels(picture) if order == SWAPPED else picture
