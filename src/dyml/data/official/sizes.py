"""The published sizes of the three sets, which a copy on disk is held against.

Sources differ and round: a size is a range. Sun et al., CVPR 2021 (arXiv 2103.11781), and its successors'
settings.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """A published number: the range that counts as the same, and how it is written."""

    least: int
    most: int
    text: str

    def holds(self, number: int) -> bool:
        """Return whether a count agrees with it."""
        return self.least <= number <= self.most


@dataclass(frozen=True)
class Published:
    """What was published about a set.

    Attributes:
        title: as the authors write it.
        pictures: of the training set.
        classes: of the training set, by scale.
    """

    title: str
    pictures: Size
    classes: dict[str, Size]


def exactly(number: int) -> Size:
    """Return a size that every source gives alike."""
    return Size(number, number, f"{number:,}")


def rounded(thousands: int) -> Size:
    """Return a number of pictures given in whole thousands, which may be off by two of them."""
    return Size((thousands - 2) * 1000, (thousands + 2) * 1000, f"{thousands}k")


PUBLISHED = {
    "vehicle": Published(
        "DyML-Vehicle",
        rounded(343),
        {"fine": Size(36_000, 39_999, "36–39k"), "middle": Size(85, 95, "≈ 90"), "coarse": exactly(5)},
    ),
    "animal": Published(
        "DyML-Animal", rounded(408), {"fine": exactly(495), "middle": exactly(28), "coarse": exactly(5)}
    ),
    "product": Published(
        "DyML-Product",
        rounded(747),
        {"fine": Size(1_590, 1_660, "≈ 1.6k"), "middle": Size(165, 175, "≈ 170"), "coarse": exactly(36)},
    ),
}
