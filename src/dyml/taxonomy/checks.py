"""The check that labels are a tree; the errors name the classes and how to mend them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from dyml.errors import TaxonomyError, shortened
from dyml.taxonomy.labels import Ints

Names = tuple[tuple[str, ...], ...]


def checked_scales(scales: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the scales as a tuple.

    Raises:
        TaxonomyError: there is none, one is blank, or two are equal.
    """
    if isinstance(scales, str):
        raise TaxonomyError(f"scales must be a list of names, fine to coarse, not the text {scales!r}")
    scales = tuple(str(scale) for scale in scales)
    if not scales or len(set(scales)) != len(scales) or not all(scale.strip() for scale in scales):
        raise TaxonomyError(f"scales must be one or more distinct names, fine to coarse; got {list(scales)}")
    return scales


def checked_lineage(labels: ArrayLike, scales: tuple[str, ...], names: Names | None) -> Ints:
    """Return the lineage of a label table after checking that it is a tree.

    Args:
        labels: (N, L) integers, finest scale first; rows may repeat.
        scales: L names, fine to coarse.
        names: per scale, one name for each distinct class id, in ascending order of the ids.

    Returns:
        (F, L) int64, row f fine class f.

    Raises:
        TaxonomyError: see `Taxonomy.from_labels`.
    """
    table = _checked_table(labels, scales)
    if names is not None:
        _check_names(table, scales, names)
    check_nesting(table, scales, names)
    fine = table[:, 0]
    _check_dense(fine, scales[0])
    # Every class has one parent, so all rows of a fine class are equal: any of them is its lineage.
    lineage = np.empty((int(fine.max()) + 1, len(scales)), dtype=np.int64)
    lineage[fine] = table
    return lineage


def check_nesting(labels: Ints, scales: Sequence[str], names: Names | None = None) -> None:
    """Refuse classes that lie in two classes of the next coarser scale.

    Args:
        labels: (N, L) int64, finest scale first; rows in any order, and they may repeat.
        scales: L names, fine to coarse.
        names: per scale, the names of its classes in ascending order of the ids, for the text of the error.

    Raises:
        TaxonomyError: names the first offending classes and two parents of each.
    """
    for m in range(len(scales) - 1):
        ids, inverse = np.unique(labels[:, m], return_inverse=True)
        inverse = inverse.reshape(-1)
        above = labels[:, m + 1]
        parent = np.empty(len(ids), dtype=above.dtype)
        parent[inverse] = above
        torn = parent[inverse] != above
        if torn.any():
            raise TaxonomyError(_not_nesting(labels, m, np.unique(labels[torn, m]), scales, names))


def _not_nesting(labels: Ints, m: int, torn: Ints, scales: Sequence[str], names: Names | None) -> str:
    child, parent = scales[m], scales[m + 1]

    def named(scale: int, class_id: int) -> str:
        if names is None:
            return f"{scales[scale]} {class_id}"
        place = int(np.searchsorted(np.unique(labels[:, scale]), class_id))
        return f"{scales[scale]} {names[scale][place]!r}"

    cases = []
    for class_id in torn[:5]:
        first, second = np.unique(labels[labels[:, m] == class_id, m + 1])[:2]
        cases.append(f"{named(m, class_id)} lies in {named(m + 1, first)} and in {named(m + 1, second)}")
    more = f"; and {len(torn) - 5} more" if len(torn) > 5 else ""
    return (
        f"classes do not nest: {'; '.join(cases)}{more}. Every {child} must have one {parent}: correct "
        f"the rows that are wrong, or, where they are different classes of one name, give each its own "
        f"(such as '{parent}/{child}')."
    )


def _checked_table(labels: ArrayLike, scales: tuple[str, ...]) -> Ints:
    try:
        table = np.asarray(labels)
    except (ValueError, OverflowError) as error:  # rows of different lengths
        raise TaxonomyError(f"labels must be a table of integers (N, {len(scales)}): {error}") from error
    if table.ndim != 2 or table.shape[1] != len(scales):
        raise TaxonomyError(
            f"labels must be (N, {len(scales)}), one column for each of {', '.join(scales)}; "
            f"got shape {table.shape}"
        )
    if len(table) == 0:
        raise TaxonomyError("labels are empty: a taxonomy needs one row or more")
    if not np.issubdtype(table.dtype, np.integer):
        raise TaxonomyError(f"labels must be integers; got {table.dtype}")
    if table.dtype == np.uint64 and table.max() > np.iinfo(np.int64).max:
        raise TaxonomyError("labels must fit int64; use dense_labels(labels) to number them from 0")
    table = table.astype(np.int64)
    if table.min() < 0:
        row = int(np.argwhere(table < 0)[0, 0])
        raise TaxonomyError(f"labels must not be negative; row {row} is {table[row].tolist()}")
    return table


def _check_names(table: Ints, scales: tuple[str, ...], names: Names) -> None:
    if len(names) != len(scales):
        raise TaxonomyError(f"names must have one list for each of {len(scales)} scales; got {len(names)}")
    for scale, column, ids in zip(scales, names, table.T):
        classes = len(np.unique(ids))
        if len(column) != classes:
            raise TaxonomyError(
                f"scale {scale!r} has {classes:,} classes but {len(column):,} names were given"
            )


def _check_dense(fine: Ints, scale: str) -> None:
    classes = np.unique(fine)
    if classes[-1] == len(classes) - 1:
        return
    # The first gaps are enough; the greatest id may be far too large to list all of them.
    missing = np.setdiff1d(np.arange(min(int(classes[-1]) + 1, 2 * len(classes) + 8)), classes)
    raise TaxonomyError(
        f"the ids of the finest scale {scale!r} must be 0 … {len(classes) - 1} with none left out; "
        f"missing: {shortened(missing)}. dyml.taxonomy.dense_labels(labels) numbers them so."
    )
