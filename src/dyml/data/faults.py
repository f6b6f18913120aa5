"""Pictures that cannot be opened while a run goes on: counted, replaced by others of their class, reported.

Which picture takes the place follows from the row and the seed of the draw alone, so a batch keeps its
structure (as many pictures of each class) and a repeated or resumed run sees the same ones.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from dyml.data.images import RefusedImage, open_image
from dyml.data.manifest import Manifest
from dyml.errors import ImageError

MOST = 0.01  # the share of pictures that may be bad
_TRIES = 64  # stand-ins tried at each scale
_NAMED = 5  # files that a message names


class Faults:
    """The bad pictures of a manifest, known to all processes that load it.

    Args:
        manifest: the pictures.
        most: the share of bad pictures above which training must stop.

    Attributes:
        flags: (N,) uint8 in shared memory, 1 where a picture could not be opened.
    """

    def __init__(self, manifest: Manifest, most: float = MOST) -> None:
        self.manifest, self.most = manifest, most
        self.flags = torch.zeros(len(manifest), dtype=torch.uint8).share_memory_()
        self._members: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        """The number of bad pictures."""
        return int(np.count_nonzero(self.flags.numpy()))

    @property
    def rows(self) -> list[int]:
        """Their rows in the manifest."""
        rows: list[int] = np.flatnonzero(self.flags.numpy()).tolist()
        return rows

    def note(self, row: int) -> None:
        """Remember that a picture could not be opened.

        Raises:
            ImageError: there are too many by now.
        """
        self.flags[row] = 1
        self.check()

    def check(self) -> None:
        """Refuse to go on with too many bad pictures.

        Raises:
            ImageError: more than the share `most` is bad; the text names files and their faults.
        """
        count = len(self)
        if count > self.most * len(self.manifest):
            raise ImageError(
                f"{count:,} of {len(self.manifest):,} pictures cannot be opened, more than "
                f"{self.most:.0%}: {self._reasons()}"
            )

    def report(self) -> str:
        """Return one sentence on the bad pictures; an empty text where there are none."""
        count = len(self)
        if not count:
            return ""
        others = "another of its class took its place" if count == 1 else "others of their classes stood in"
        return (
            f"{count:,} of {len(self.manifest):,} pictures could not be opened; {others}: {self._reasons()}"
        )

    def order(self, row: int, seed: int) -> Iterator[int]:
        """Yield a row, and after it those that may take its place, the best first.

        First its own fine class in an order drawn from (seed, row), then its class at each coarser scale.
        """
        yield row
        for scale in range(self.manifest.labels.shape[1]):
            order, starts = self._classes(scale)
            label = int(self.manifest.labels[row, scale])
            members = order[starts[label] : starts[label + 1]]
            rng = np.random.default_rng((seed, row, scale))
            drawn = rng.permutation(members) if len(members) <= 4096 else rng.choice(members, 2 * _TRIES)
            yield from (other for other in drawn[:_TRIES].tolist() if other != row)

    def stand_in(self, row: int, seed: int) -> int:
        """Return the first row of `order` that is not known as bad.

        Raises:
            ImageError: there is none.
        """
        for other in self.order(row, seed):
            if not self.flags[other]:
                return other
        raise self.none_left(row)

    def none_left(self, row: int) -> ImageError:
        """Return the error for a picture whose whole class cannot be opened."""
        name = self.manifest.taxonomy.name(0, int(self.manifest.labels[row, 0]))
        return ImageError(f"no picture of class {name!r} or its neighbours can be opened: {self._reasons()}")

    def reasons(self, most: int) -> list[str]:
        """Return what is wrong with the first bad pictures, opening them again to see."""
        texts = []
        for row in self.rows[:most]:
            path = self.manifest.full_path(row)
            try:
                open_image(path)
                texts.append(f"{path}: could not be opened then, and can be now.")
            except RefusedImage as error:
                texts.append(str(error))
        return texts

    def _reasons(self) -> str:
        more = len(self) - _NAMED
        return " ".join(self.reasons(_NAMED)) + (f" And {more:,} more." if more > 0 else "")

    def _classes(self, scale: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all rows in the order of their class, and where each class starts; made when needed."""
        if scale not in self._members:
            column = self.manifest.labels[:, scale]
            starts = np.concatenate([[0], np.cumsum(np.bincount(column))])
            self._members[scale] = np.argsort(column, kind="stable"), starts
        return self._members[scale]
