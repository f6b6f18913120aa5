"""A table of one row a class: its name, then the levels above it."""

from pathlib import Path

from dyml.data.builders.source import Lineage
from dyml.data.builders.tree_file import is_tree_file, read_tree
from dyml.data.table import read_table
from dyml.errors import ManifestError


def read_lookup(file: Path) -> tuple[tuple[str, ...], dict[str, Lineage]]:
    """Read what every class belongs to.

    Args:
        file: CSV or Parquet. The first column names the class; the others are levels, fine to coarse, blank
            where a class lacks one. A tree is read, too: see `read_tree`.

    Returns:
        The names of the levels, and by class its names at them.

    Raises:
        ManifestError: the table cannot be read, has one column alone, or has a class twice with other values.
    """
    if is_tree_file(file):
        return read_tree(file)
    table = read_table(file)
    if len(table.names) < 2:
        raise ManifestError(f"{file}: needs a column of classes and one or more coarser levels after it")
    columns = [table.text(name).fill_null("").to_pylist() for name in table.names]
    above: dict[str, Lineage] = {}
    for row, (name, *coarser) in enumerate(zip(*columns)):
        values = tuple(value.strip() for value in coarser)
        if above.setdefault(name.strip(), values) != values:
            raise ManifestError(
                f"{file}: {table.rows([row])}: class {name!r} comes twice, with other values. Keep one row a "
                f"class."
            )
    return tuple(table.names[1:]), above
