"""Which items of the gallery are left out of a query's list: the protocol of an evaluation.

An item that is left out is neither right nor wrong: it takes no rank, and does not count as relevant.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dyml.errors import InputError

Ints = NDArray[np.int64]

PLAIN, OWN, BY_ID = "query and gallery", "leave-one-out", "by id"
OTHER_CAMERAS = "other cameras"


@dataclass(frozen=True)
class Groups:
    """Items in groups; every query leaves out the items of one group.

    Attributes:
        group: (Q,) the group of every query, −1 for none.
        members: gallery positions, group after group, ascending in each.
        starts: (G + 1,) where each group begins in `members`.
    """

    group: Ints
    members: Ints
    starts: Ints

    def pairs(self, first: int, last: int) -> tuple[Ints, Ints]:
        """Return what queries first … last-1 leave out: rows counted from `first`, and gallery positions."""
        group = self.group[first:last]
        begin = self.starts[group]
        sizes = np.where(group < 0, 0, self.starts[group + 1] - begin)
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1]) + np.repeat(begin - ends + sizes, sizes)
        return np.repeat(np.arange(len(group)), sizes), self.members[places]


@dataclass(frozen=True)
class LeftOut:
    """The rule of an evaluation, in words and as groups.

    Attributes:
        rule: what results say of it.
        parts: an item is left out where one of them says so.
    """

    rule: str = PLAIN
    parts: tuple[Groups, ...] = ()

    def pairs(self, first: int, last: int) -> tuple[Ints, Ints]:
        """Return what queries first … last-1 leave out: rows counted from `first`, and gallery positions.

        A pair may occur twice.
        """
        found = [part.pairs(first, last) for part in self.parts]
        nothing = np.empty(0, np.int64)
        rows, positions = zip(*found) if found else ((nothing,), (nothing,))
        return np.concatenate(rows), np.concatenate(positions)


def leave_one_out(count: int) -> Groups:
    """Every query is the item of the same position, and leaves it out."""
    each = np.arange(count + 1, dtype=np.int64)
    return Groups(each[:-1], each[:-1], each)


def same_keys(query: NDArray[Any], gallery: NDArray[Any]) -> Groups:
    """Every query leaves out the items whose key equals its own.

    Args:
        query: (Q,) or (Q, K) keys.
        gallery: (N,) or (N, K) keys; equal to a query's where all K are.
    """
    axis = None if query.ndim == 1 else 0
    keys, codes = np.unique(np.concatenate([query, gallery]), return_inverse=True, axis=axis)
    codes = codes.reshape(-1).astype(np.int64)
    group, items = codes[: len(query)], codes[len(query) :]
    members = np.argsort(items, kind="stable")
    return Groups(group, members, np.searchsorted(items[members], np.arange(len(keys) + 1)))


def make_left_out(
    query_codes: Ints,
    item_codes: Ints,
    own: bool,
    ids: tuple[Any, Any],
    cameras: tuple[Any, Any],
) -> LeftOut:
    """Make the rule from what the user gave.

    Args:
        query_codes: (Q, L) classes.
        item_codes: (N, L) classes, numbered alike.
        own: the queries are the gallery.
        ids: of query and gallery; None where not given, and for the gallery where the queries are it.
        cameras: likewise.

    Raises:
        InputError: ids or cameras that do not fit, or ids of which none occurs on both sides.
    """
    counts = len(query_codes), len(item_codes)
    rule, parts = (OWN, [leave_one_out(counts[0])]) if own else (PLAIN, [])
    id_keys = _both(ids, counts, own, "ids")
    if id_keys is not None:
        if not own and not np.isin(id_keys[0], id_keys[1]).any():
            raise InputError(
                "no id of query_ids occurs in gallery_ids, so nothing would be left out: name the same "
                "picture alike in both, or give no ids"
            )
        rule = f"{OWN}, {BY_ID}" if own else BY_ID
        parts.append(same_keys(*id_keys))
    camera_keys = _both(cameras, counts, own, "cameras")
    if camera_keys is not None:
        codes = np.unique(np.concatenate(camera_keys), return_inverse=True)[1].reshape(-1)
        queries = np.stack([query_codes[:, 0], codes[: counts[0]]], axis=1)
        items = np.stack([item_codes[:, 0], codes[counts[0] :]], axis=1)
        rule, parts = f"{rule}, {OTHER_CAMERAS}", [*parts, same_keys(queries, items)]
    return LeftOut(rule, tuple(parts))


def _both(
    values: tuple[Any, Any], counts: tuple[int, int], own: bool, what: str
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Check the ids or cameras of both sides; None where none were given."""
    query, gallery = values
    if query is None and gallery is None:
        return None
    if own:
        if gallery is not None:
            raise InputError(f"gallery_{what} without a gallery: give query_{what} alone")
        keys = _checked(query, f"query_{what}", counts[0])
        return keys, keys
    if query is None or gallery is None:
        raise InputError(f"query_{what} and gallery_{what} come together: give both, or neither")
    first = _checked(query, f"query_{what}", counts[0])
    second = _checked(gallery, f"gallery_{what}", counts[1])
    if (first.dtype.kind == "U") != (second.dtype.kind == "U"):
        raise InputError(f"query_{what} and gallery_{what} must both be text or both be integers")
    return first, second


def _checked(value: Any, name: str, rows: int) -> NDArray[Any]:
    keys = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if keys.dtype.kind == "O" and all(isinstance(key, str) for key in keys.flat):
        keys = keys.astype(str)
    if keys.dtype.kind not in "iuU":
        raise InputError(f"{name} must be integers or text; got {keys.dtype}")
    if keys.shape != (rows,):
        raise InputError(f"{name} must have shape ({rows},), one for each row; got {keys.shape}")
    return keys if keys.dtype.kind == "U" else keys.astype(np.int64)
