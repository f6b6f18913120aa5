"""A taxonomy as a JSON file: readable, one line a fine class."""

import json
from pathlib import Path
from typing import Any

from dyml.errors import TaxonomyError


def tree_text(value: dict[str, Any]) -> str:
    """Return a `Taxonomy.to_dict` as JSON text.

    >>> print(tree_text({"scales": ["fine", "coarse"], "names": None, "lineage": [[0, 0], [1, 0]]}))
    {
     "scales": ["fine", "coarse"],
     "names": null,
     "lineage": [[0, 0],
      [1, 0]]
    }
    <BLANKLINE>
    """
    head = [f' "{key}": {json.dumps(value[key], ensure_ascii=False)},' for key in ("scales", "names")]
    rows = json.dumps(value["lineage"]).replace("], [", "],\n  [")
    return "\n".join(["{", *head, f' "lineage": {rows}', "}", ""])


def read_tree(path: str | Path) -> Any:
    """Return what a JSON file holds; what it means is the taxonomy's to check.

    Raises:
        TaxonomyError: the file is missing, unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TaxonomyError(f"no taxonomy file {path}") from error
    except OSError as error:
        raise TaxonomyError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise TaxonomyError(f"{path}: not JSON: {error}") from error
