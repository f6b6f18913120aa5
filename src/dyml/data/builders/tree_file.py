"""A tree of classes in one file, from its leaves up to its root: product taxonomies, WordNet.

Levels are counted from the root, so that a branch that ends early lacks the finer ones.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dyml.data.builders.source import Lineage
from dyml.data.builders.text_lists import read_list
from dyml.data.table import read_table
from dyml.errors import ManifestError, shortened

EDGES = ("child", "parent")
_NAMES, _CHILDREN = ("name", "id", "class", "title"), ("children", "nodes", "child")
_DEEPEST = 60  # a product taxonomy has 4 to 8 levels, WordNet under 20


def is_tree_file(file: Path) -> bool:
    """Return whether a file holds a tree: `.json`, `.txt`, or a table with the columns child and parent."""
    if file.suffix.lower() in (".json", ".txt"):
        return True
    return tuple(name.lower() for name in read_table(file).names) == EDGES


def read_tree(file: Path) -> tuple[tuple[str, ...], dict[str, Lineage]]:
    """Read what every class of a tree belongs to.

    Args:
        file: one of
            `.json`: nested objects `{"Clothing": {"Shoes": ["Boots", "Sandals"]}}`, or nodes
            `{"name": …, "children": […]}` (`id` stands in for the name), as product_tree.json;
            `.txt`: a line for each `parent child`, as WordNet's is_a list of ImageNet;
            a table with the columns child and parent, the parent of a root blank.

    Returns:
        The levels `depth-N` … `depth-1`, fine to coarse, and by class its names there, blank where its branch
        does not reach so deep. A root that all share is left out where there are
        levels below it. A class with several parents belongs to
        the one named first; JSON names each class once.

    Raises:
        ManifestError: the file cannot be read as one, or its classes go round in a circle.
    """
    parents = dict(_first(_edges(file)))
    above = {child: _path(child, parents, file) for child in parents}
    roots = {path[0] if path else child for child, path in above.items()}
    if len(roots) == 1 and max(map(len, above.values())) > 1:
        (root,) = roots
        above = {child: path[1:] for child, path in above.items() if child != root}
    depth = max(map(len, above.values()), default=0)
    if depth == 0:
        raise ManifestError(f"{file}: no class has a class above it, so there is no tree")
    levels = tuple(f"depth-{number}" for number in range(depth, 0, -1))
    return levels, {child: ("",) * (depth - len(path)) + path[::-1] for child, path in above.items()}


def _first(edges: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for child, parent in edges:
        if child and child not in seen:
            seen.add(child)
            yield child, parent


def _path(child: str, parents: dict[str, str], file: Path) -> tuple[str, ...]:
    """Return the classes above one, from the root down."""
    path: list[str] = []
    name = parents[child]
    while name:
        path.append(name)
        if len(path) > _DEEPEST or name == child:
            raise ManifestError(
                f"{file}: {child!r} is deeper than {_DEEPEST} levels, or its parents go round in a circle: "
                f"{shortened(path, 4)}"
            )
        name = parents.get(name, "")
    return tuple(reversed(path))


def _edges(file: Path) -> Iterator[tuple[str, str]]:
    """Yield (child, parent) of every class."""
    ending = file.suffix.lower()
    if ending == ".txt":
        rows = read_list(file, 2)
        yield from ((child, parent) for parent, child in rows)
        children = {child for _, child in rows}
        yield from ((parent, "") for parent, _ in rows if parent not in children)
    elif ending == ".json":
        try:
            tree = json.loads(file.read_text(encoding="utf-8-sig"))
            yield from _nested(tree, "", 0)
        except FileNotFoundError as error:
            raise ManifestError(f"no tree {file}") from error
        except OSError as error:
            raise ManifestError(f"{file}: cannot be read: {error.strerror or error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise ManifestError(f"{file}: not a tree of classes as JSON: {error}") from error
    else:
        table = read_table(file)
        if len(table.names) != len(EDGES):
            raise ManifestError(
                f"{file}: needs the two columns {' and '.join(EDGES)}; it has {shortened(table.names)}"
            )
        columns = [[name.strip() for name in table.text(c).fill_null("").to_pylist()] for c in table.names]
        yield from zip(*columns)
        there = set(columns[0])
        yield from ((parent, "") for parent in columns[1] if parent not in there)


def _nested(value: Any, parent: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        raise ValueError(f"deeper than {_DEEPEST} levels")
    if isinstance(value, list):
        for node in value:
            yield from _nested(node, parent, depth)
    elif isinstance(value, dict):
        children = next((key for key in _CHILDREN if isinstance(value.get(key), list)), None)
        named = next((key for key in _NAMES if isinstance(value.get(key), (str, int))), None)
        if named is not None and (children is not None or set(value) <= {*_NAMES, *_CHILDREN}):
            name = str(value[named]).strip()
            yield name, parent
            yield from _nested(value.get(children or "", []), name, depth + 1)
            return
        if children is not None and named is None and len(value) == 1:  # a root without a name
            yield from _nested(value[children], parent, depth + 1)
            return
        for key, below in value.items():
            yield key.strip(), parent
            yield from _nested(below, key.strip(), depth + 1)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield str(value).strip(), parent
    elif value is not None:
        raise TypeError(f"{value!r} is no class")
