"""The tree as JSON and as text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from dyml.errors import TaxonomyError
from dyml.taxonomy import Taxonomy, draw_tree
from random_trees import Ints, lineages

SCALES = ("fine", "middle", "coarse")
TABLE = np.array([[0, 5, 1], [1, 2, 0], [2, 5, 1], [3, 9, 0], [4, 2, 0], [2, 5, 1]])
NAMES = (("elk", "rose", "moose", "fern", "tulip"), ("flower", "deer", "pteris"), ("plant", "animal"))


@pytest.fixture
def taxonomy() -> Taxonomy:
    return Taxonomy.from_labels(TABLE, SCALES, NAMES)


def named(count: int) -> tuple[str, ...]:
    return tuple(f"scale{m}" for m in range(count))


@pytest.mark.parametrize("names", [NAMES, None, (("é", '"], ["', "\\", "a b", "☃"), *NAMES[1:])])
def test_saved_and_loaded(tmp_path: Path, names: tuple[tuple[str, ...], ...] | None) -> None:
    taxonomy = Taxonomy.from_labels(TABLE, SCALES, names)
    path = tmp_path / "sub folder" / "taxonomy.json"
    taxonomy.save(path)
    assert Taxonomy.load(path) == taxonomy
    assert Taxonomy.load(str(path)).fingerprint == taxonomy.fingerprint
    assert json.loads(path.read_text(encoding="utf-8")) == taxonomy.to_dict()
    assert len(path.read_text(encoding="utf-8").splitlines()) == 4 + taxonomy.num_fine


@given(lineages())
def test_dictionaries_hold_everything(lineage: Ints) -> None:
    taxonomy = Taxonomy.from_labels(lineage, named(lineage.shape[1]))
    assert Taxonomy.from_dict(json.loads(json.dumps(taxonomy.to_dict()))) == taxonomy


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a taxonomy: TypeError"),
        ("null", "not a taxonomy: TypeError"),
        ('{"scales": ["a"]}', "not a taxonomy: KeyError: 'lineage'"),
        ('{"scales": 3, "lineage": [[0]]}', "not a taxonomy: TypeError"),
        ('{"scales": ["a"], "lineage": [[0.5]]}', "labels must be integers; got float64"),
        ('{"scales": ["a"], "lineage": [[0], [1, 2]]}', "labels must be a table of integers"),
        ('{"scales": ["a", "b"], "lineage": [[0, 0], [0, 1]]}', "classes do not nest"),
        ('{"scales": ["a"], "lineage": [[0]], "names": [["x", "y"]]}', "2 names were given"),
        ('{"scales": ["a"], "lineage": [[0]], "names": 5}', "not a taxonomy: TypeError"),
    ],
)
def test_files_that_are_no_taxonomy_are_named(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "taxonomy.json"
    path.write_text(text)
    with pytest.raises(TaxonomyError, match=error) as caught:
        Taxonomy.load(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TaxonomyError, match=r"no taxonomy file .*absent\.json"):
        Taxonomy.load(tmp_path / "absent.json")
    with pytest.raises(TaxonomyError, match=r"cannot read .*: Is a directory"):
        Taxonomy.load(tmp_path)
    (tmp_path / "latin.json").write_bytes('{"scales": ["ä"]}'.encode("latin-1"))
    with pytest.raises(TaxonomyError, match=r"latin\.json: not JSON: .*utf-8"):
        Taxonomy.load(tmp_path / "latin.json")


def test_the_tree_as_text(taxonomy: Taxonomy) -> None:
    assert repr(taxonomy) == "Taxonomy(5 fine, 3 middle, 2 coarse)"
    assert (
        str(taxonomy)
        == """\
Taxonomy: 5 fine, 3 middle, 2 coarse
├─ animal (2)
│  └─ deer (2)
│     ├─ elk
│     └─ moose
└─ plant (3)
   ├─ flower (2)
   │  ├─ rose
   │  └─ tulip
   └─ pteris (1)
      └─ fern"""
    )


def test_a_large_tree_is_shortened() -> None:
    fine = np.arange(9_000)
    taxonomy = Taxonomy.from_labels(np.stack([fine, fine // 10, fine // 1_000], axis=1), SCALES)
    text = str(taxonomy)
    assert text.startswith(
        "Taxonomy: 9,000 fine, 900 middle, 9 coarse\n├─ 0 (1,000)\n│  ├─ 0 (10)\n│  │  ├─ 0\n"
    )
    assert "│  │  └─ … 9 more\n" in text
    assert "│  └─ … 98 more\n" in text
    assert text.endswith("\n└─ … 5 more")
    assert len(text.splitlines()) < 40
    assert len(draw_tree(taxonomy, most=1).splitlines()) < 10
