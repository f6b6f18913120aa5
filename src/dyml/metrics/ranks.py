"""Exact ranks of the relevant items of every query, without sorting the gallery.

The rank of an item is one more than the number of items before it: those of greater similarity, and those of
equal similarity that stand earlier in the gallery. There are three ways to count these:

- `ranks_few`, for a few relevant items: compare each with the whole gallery;
- `ranks_fine`, for many in float32: sort them, then look up where every item of the gallery falls among them;
- `ranks_buckets`, for the rest: float64, very many, or so many equal ones that a look does not suffice.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dyml.metrics import ranks_few, ranks_fine
from dyml.metrics.ranks_buckets import rank_buckets
from dyml.metrics.ranks_few import rank_few
from dyml.metrics.ranks_fine import rank_fine


class Members(NamedTuple):
    """Which items of the gallery are of which class.

    Attributes:
        positions: (N,) int32 gallery positions, class after class, ascending in each.
        starts: (C + 1,) int64, where each class begins in `positions`.
    """

    positions: NDArray[np.int32]
    starts: NDArray[np.int64]

    @property
    def most(self) -> int:
        """The size of the largest class."""
        return int(np.diff(self.starts).max(initial=0))


def find_members(item_codes: NDArray[np.int64], classes: int) -> Members:
    """Sort gallery positions by class.

    Args:
        item_codes: (N,) classes from 0.
        classes: C.
    """
    order = np.argsort(item_codes, kind="stable")
    starts = np.searchsorted(item_codes[order], np.arange(classes + 1))
    return Members(order.astype(np.int32), starts.astype(np.int64))


class Ranker:
    """Finds ranks; holds memory for one thread, which the next call uses again.

    Args:
        members: of the classes.
        rows: most queries of a call.
    """

    def __init__(self, members: Members, rows: int) -> None:
        self.members = members
        self._sizes = np.diff(members.starts)
        most = members.most
        self._ranks, self._positions = np.empty((2, rows * most), np.int32)
        self._offsets = np.zeros(rows + 1, np.int64)
        self._work = ranks_fine.make_workspace(min(most, ranks_fine.MOST))

    def find(
        self, similarity: NDArray[Any], classes: NDArray[np.int64]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
        """Find the ranks of every query's relevant items.

        Args:
            similarity: (B, N) float, no NaN, one row a query; −inf for items that are left out of its list.
                Its contents are used up.
            classes: (B,) the class of every query: the members of that class are relevant.

        Returns:
            ranks: (n,) from 1 up, query after query, ascending in each.
            positions: (n,) the gallery positions of the items that have them.
            offsets: (B + 1,) where each query begins in the two. The next call overwrites all three.
        """
        sizes = self._sizes[classes]
        fine = similarity.dtype == np.float32
        ways = np.where(sizes <= ranks_few.MOST, 0, np.where(fine & (sizes <= ranks_fine.MOST), 1, 2))
        ends = [*(np.flatnonzero(np.diff(ways)) + 1).tolist(), len(ways)]
        out = self._ranks, self._positions, self._offsets
        given = self.members.positions, self.members.starts, classes
        first = 0
        for end in ends:
            if ways[first] == 0:
                rank_few(similarity, first, end, *given, *out)
            elif ways[first] == 2:
                rank_buckets(similarity, first, end, *given, *out)
            else:
                done = rank_fine(similarity, first, end, *given, self._work, *out)
                while done < end:
                    rank_buckets(similarity, done, done + 1, *given, *out)
                    done = rank_fine(similarity, done + 1, end, *given, self._work, *out)
            first = end
        total = self._offsets[len(classes)]
        return self._ranks[:total], self._positions[:total], self._offsets[: len(classes) + 1]
