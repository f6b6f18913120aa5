"""Choosing scales out of deep, ragged trees; thinning; writing the manifest."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data import read_manifest
from dyml.data.builders import Source, build_manifest, choose_scales, fill_lineages, source_of
from dyml.data.builders.thinning import thinned
from dyml.data.check import shared_classes
from dyml.errors import ManifestError

LEVELS = ("species", "genus", "family", "order")
LINEAGES: list[tuple[str, ...]] = [
    ("lion", "Panthera", "cats", "carnivores"),
    ("tiger", "Panthera", "cats", "carnivores"),
    ("lynx", "Lynx", "cats", "carnivores"),
    ("wolf", "Canis", "dogs", "carnivores"),
    ("robin", "Erithacus", "flycatchers", "songbirds"),
    ("wren", "Troglodytes", "wrens", "songbirds"),
]


def made(
    root: Path, lineages: Sequence[tuple[str, ...]], each: int = 3, split: list[str] | None = None
) -> Source:
    """Return a source of `each` pictures (empty files) a lineage."""
    paths = [f"{place}-{k}.jpg" for place in range(len(lineages)) for k in range(each)]
    for path in paths:
        (root / path).touch()
    return source_of(root, paths, [line for line in lineages for _ in range(each)], LEVELS, split)


def test_chosen_levels_become_scales(tmp_path: Path) -> None:
    chosen = choose_scales(made(tmp_path, LINEAGES), ["species", "order"])
    assert chosen.scales == ("species", "order")
    assert chosen.columns["species"][::3] == ["lion", "tiger", "lynx", "wolf", "robin", "wren"]
    assert chosen.columns["order"][::3] == ["carnivores"] * 4 + ["songbirds"] * 2
    assert (chosen.filled, chosen.renamed, chosen.left_out) == ({}, {}, 0)


def test_levels_are_chosen_to_thin_the_classes_out_evenly(tmp_path: Path) -> None:
    # 64 species, 60 genera, 8 families, 2 orders: the even chain skips the genera.
    lineages = [(f"s{i}", f"g{min(i, 59)}", f"f{min(i, 59) // 8}", f"o{min(i, 59) // 32}") for i in range(64)]
    source = made(tmp_path, lineages, each=1)
    assert choose_scales(source).scales == ("species", "family", "order")
    assert choose_scales(source, count=2).scales == ("species", "order")
    assert choose_scales(source, count=4).scales == LEVELS
    assert choose_scales(source, count=9).scales == LEVELS
    assert choose_scales(source, count=1).scales == ("species",)


def test_levels_that_tell_nothing_apart_are_passed_over(tmp_path: Path) -> None:
    lineages = [(f"s{i}", f"g{i}", f"f{i // 2}", "one") for i in range(6)]
    assert choose_scales(made(tmp_path, lineages)).scales == ("species", "family")


def test_a_missing_level_is_what_its_siblings_have() -> None:
    filled = fill_lineages([*LINEAGES, ("leopard", "Panthera", "", "")], LEVELS)
    assert filled[-1] == ("leopard", "Panthera", "cats", "carnivores")


def test_a_missing_level_without_siblings_is_a_class_of_its_own() -> None:
    filled = fill_lineages([*LINEAGES, ("auk", "Alca", "", ""), ("puffin", "", "", "shorebirds")], LEVELS)
    assert filled[-2] == ("auk", "Alca", "Alca (genus)", "Alca (genus)")
    assert filled[-1] == ("puffin", "puffin (species)", "puffin (species)", "shorebirds")


def test_siblings_that_disagree_fill_nothing() -> None:
    lineages = [("a", "g", "f1", "o"), ("b", "g", "f2", "o"), ("c", "g", "", "o")]
    assert fill_lineages(lineages, LEVELS)[-1] == ("c", "g", "g (genus)", "o")


def test_pictures_without_the_finest_level_are_left_out_and_counted(tmp_path: Path) -> None:
    source = made(tmp_path, [*LINEAGES, ("", "Aquila", "hawks", "raptors")])
    chosen = choose_scales(source, ["species", "family"])
    assert chosen.left_out == 3
    assert len(chosen.source) == 18
    coarser = choose_scales(source, ["genus", "order"])
    assert coarser.left_out == 0
    assert coarser.columns["genus"][-1] == "Aquila"
    with pytest.raises(ManifestError, match="no picture has a species; choose a coarser finest scale"):
        choose_scales(made(tmp_path, [("", "g", "f", "o")]), ["species", "order"])


def test_one_name_under_two_parents_is_two_classes(tmp_path: Path) -> None:
    lineages = [
        ("sp. 1", "Ficus", "figs", "o1"),
        ("sp. 1", "Morus", "figs", "o1"),
        ("x", "Morus", "snails", "o2"),
    ]
    chosen = choose_scales(made(tmp_path, lineages, each=1), LEVELS)
    assert chosen.columns["genus"] == ["Ficus", "figs/Morus", "snails/Morus"]
    assert chosen.columns["species"] == ["Ficus/sp. 1", "figs/Morus/sp. 1", "x"]
    assert chosen.renamed == {"species": 2, "genus": 2}


@pytest.mark.parametrize(
    ("scales", "expected"),
    [
        (["specis", "order"], "no level 'specis'; .* Did you mean 'species'"),
        (
            ["order", "species"],
            "named fine to coarse, each once; got order,species. Did you mean species,order",
        ),
        (["species", "species"], "each once; got species,species. Did you mean species"),
        ([], "Did you mean species,genus,family,order"),
    ],
)
def test_wrong_scales_are_refused(tmp_path: Path, scales: list[str], expected: str) -> None:
    with pytest.raises(ManifestError, match=expected):
        choose_scales(made(tmp_path, LINEAGES), scales)


name = st.sampled_from(["", "a", "b", "c"])


@settings(deadline=None)
@given(
    lineages=st.lists(
        st.tuples(st.sampled_from(["", "u", "v", "w", "x"]), name, name, name), min_size=1, max_size=12
    ),
    scales=st.lists(st.sampled_from(LEVELS), min_size=1, max_size=4, unique=True).map(
        lambda chosen: sorted(chosen, key=LEVELS.index)
    ),
)
def test_chosen_classes_always_nest_and_keep_all_that_can_be_kept(
    lineages: list[tuple[str, ...]], scales: list[str]
) -> None:
    source = source_of(Path("x"), [f"{i}.jpg" for i in range(len(lineages))], lineages, LEVELS)
    finest = LEVELS.index(scales[0])
    if not any(lineage[finest] for lineage in lineages):
        return
    chosen = choose_scales(source, scales)
    assert len(chosen.source) == sum(bool(lineage[finest]) for lineage in lineages)
    rows = list(zip(*chosen.columns.values()))
    for finer in range(len(scales) - 1):
        parents: dict[str, str] = {}
        for row in rows:
            assert row[finer]
            assert parents.setdefault(row[finer], row[finer + 1]) == row[finer + 1]


def test_thin_classes_go_and_fat_ones_are_cut_the_same_way_each_time() -> None:
    fine = ["a"] * 1 + ["b"] * 3 + ["c"] * 9
    paths = [f"{i}.jpg" for i in range(13)]
    assert thinned(fine, paths).tolist() == list(range(1, 13))
    kept = thinned(fine, paths, least=2, most=4, seed=1)
    assert [fine[row] for row in kept] == ["b"] * 3 + ["c"] * 4
    assert kept.tolist() == sorted(kept.tolist())
    more = thinned([*fine, "d", "d"], [*paths, "x", "y"], least=2, most=4, seed=1)
    assert more.tolist()[:-2] == kept.tolist()
    assert any(thinned(fine, paths, most=4, seed=seed).tolist() != kept.tolist() for seed in range(2, 5))
    with pytest.raises(ManifestError, match="no fine class has 10 pictures; the largest has 9"):
        thinned(fine, paths, least=10)
    with pytest.raises(ManifestError, match="most not below it; got 3 and 2"):
        thinned(fine, paths, least=3, most=2)


def test_the_manifest_is_open_set_and_read_back(tmp_path: Path) -> None:
    built = build_manifest(made(tmp_path, LINEAGES), tmp_path / "manifest.csv", scales=["species", "order"])
    manifest = read_manifest(tmp_path)
    assert manifest.scales == ("species", "order")
    assert manifest.paths == built.manifest.paths
    assert (manifest.labels == built.manifest.labels).all()
    assert manifest.taxonomy == built.manifest.taxonomy
    assert manifest.split == built.manifest.split
    assert manifest.splits == ("train", "test")
    assert shared_classes(manifest) == []
    assert built.notes == ("split by fine class, seed 0",)


def test_paths_follow_the_place_of_the_manifest(tmp_path: Path) -> None:
    pictures = tmp_path / "set"
    pictures.mkdir()
    source = made(pictures, LINEAGES)
    above = build_manifest(source, tmp_path / "all.parquet").manifest
    assert above.paths[0] == "set/0-0.jpg"
    assert read_manifest(tmp_path / "all.parquet").full_path(0).is_file()
    beside = build_manifest(source, tmp_path / "other" / "m.csv")
    assert beside.manifest.paths[0] == "0-0.jpg"
    assert f"paths are relative to {pictures}" in beside.notes[-1]
    assert read_manifest(tmp_path / "other" / "m.csv", root=pictures).full_path(0).is_file()


def test_what_was_left_out_is_noted(tmp_path: Path) -> None:
    source = made(tmp_path, [*LINEAGES, ("auk", "Alca", "", "gulls"), ("", "Aquila", "hawks", "raptors")])
    (tmp_path / "0-0.jpg").unlink()
    (tmp_path / "1-0.jpg").unlink()
    (tmp_path / "1-1.jpg").unlink()
    notes = build_manifest(source, tmp_path / "m.csv", scales=["species", "family"]).notes
    assert notes == (
        "3 pictures are not on disk and left out: 0-0.jpg, 1-0.jpg, 1-1.jpg",
        "3 pictures without a species are left out",
        "family: missing for 1 classes, filled by what lies below",
        "1 pictures of classes with fewer than 2 pictures are left out",
        "split by fine class, seed 0",
    )


def test_the_sources_own_split_counts_if_it_is_open_set(tmp_path: Path) -> None:
    split = ["train"] * 9 + ["test"] * 9
    source = made(tmp_path, LINEAGES, split=split)
    built = build_manifest(source, tmp_path / "m.csv", scales=["species", "order"])
    assert built.manifest.split == split
    assert built.notes == ("the split is the source's own",)
    assert build_manifest(
        source, tmp_path / "n.csv", scales=["species", "order"], new_split=True, test_share=0.5
    ).manifest.splits == ("train", "test")
    with pytest.raises(
        ManifestError, match=r"not open-set: 1 classes of scale order .* carnivores. --new-split"
    ):
        build_manifest(source, tmp_path / "o.csv", scales=["order"])


def test_nothing_is_written_over_and_bad_names_are_refused(tmp_path: Path) -> None:
    source = made(tmp_path, LINEAGES)
    build_manifest(source, tmp_path / "m.csv")
    with pytest.raises(ManifestError, match="is there already; --force writes over it"):
        build_manifest(source, tmp_path / "m.csv")
    build_manifest(source, tmp_path / "m.csv", force=True)
    (tmp_path / "0-0.jpg").touch()
    twice = source_of(tmp_path, ["0-0.jpg", "0-0.jpg"], [LINEAGES[0]] * 2, LEVELS)
    with pytest.raises(ManifestError, match=r"paths come more than once: '0-0.jpg' in rows 1, 2"):
        build_manifest(twice, tmp_path / "n.csv")
    split = source_of(tmp_path, source.paths, [("a", "b")] * len(source), ("fine", "split"))
    with pytest.raises(ManifestError, match="a scale cannot be named 'split'"):
        build_manifest(split, tmp_path / "n.csv", scales=["fine", "split"])
    with pytest.raises(ManifestError, match="none of the 18 pictures is there"):
        build_manifest(
            Source(tmp_path / "x", source.paths, source.leaf, LEVELS, LINEAGES), tmp_path / "n.csv"
        )
    with pytest.raises(ManifestError, match="the source names no picture"):
        source_of(tmp_path, [], [], LEVELS)
    assert not (tmp_path / "n.csv").exists()


def test_equal_lineages_are_one_leaf(tmp_path: Path) -> None:
    source = source_of(tmp_path, ["a", "b", "c"], [("x ", "y"), ("z", "y"), ("x ", "y")], ("fine", "coarse"))
    assert source.leaf.tolist() == [0, 1, 0]
    assert source.leaf.dtype == np.int64
    assert source.lineages == [("x", "y"), ("z", "y")]
