"""The published protocol: each scale on its own queries and gallery; the mean over scales."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dyml.data.official import convert, open_official, read_release
from dyml.data.official.judging import judge_official
from dyml.data.official.pairs import Pair, evaluate_pairs
from dyml.errors import ImageError, InputError, ManifestError
from dyml.metrics import Result, evaluate
from dyml.models import Embedder
from dyml.models.embedding import embed_manifest
from official_sets import GALLERY, QUERIES, SCALES, make_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    for name in ("animal", "product"):
        make_set(folder / f"dyml_{name}", name)
    return folder


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    torch.manual_seed(0)
    return Embedder("dyml_small", dim=16, image_size=16, backbone_args={"width": 8})


def pair(scale: str, seed: int, queries: int = 20, items: int = 50, classes: int = 5) -> Pair:
    rng = np.random.default_rng(seed)
    return Pair(
        scale,
        rng.normal(size=(queries, 8)),
        rng.integers(0, classes, queries),
        rng.normal(size=(items, 8)),
        rng.integers(0, classes, (items, 1)),
    )


def test_every_scale_is_measured_on_its_own_pair() -> None:
    pairs = [pair("fine", 0), pair("middle", 1, queries=7), pair("coarse", 2, items=30, classes=2)]
    result = evaluate_pairs(pairs, ks=(1, 3), keep=True)
    assert result.scales == SCALES
    alone = [
        evaluate(p.query, p.query_labels, p.gallery, p.gallery_labels, scales=(p.scale,), ks=(1, 3))
        for p in pairs
    ]
    for p, one in zip(pairs, alone):
        assert result.by_scale[p.scale] == one.by_scale[p.scale]
        assert result.per_query is not None
        assert len(result.per_query[p.scale]["mAP"]) == len(p.query)
    for name in ("mAP", "ASI", "CMC@1", "CMC@3"):
        mean = np.mean([one.by_scale[p.scale][name] for p, one in zip(pairs, alone)])
        assert result.overall[name] == pytest.approx(mean, abs=1e-12)
    assert set(result.multi.values()) == {None}
    assert evaluate_pairs(pairs).per_query is None


def test_the_result_prints_and_is_saved_as_any_other(tmp_path: Path) -> None:
    result = evaluate_pairs([pair("fine", 0), pair("coarse", 1)])
    assert "overall" in result.table()
    result.to_json(tmp_path / "result.json")
    assert Result.from_json(tmp_path / "result.json").to_dict() == result.to_dict()


def test_pairs_that_do_not_fit_are_named() -> None:
    with pytest.raises(InputError, match="pairs must be one or more"):
        evaluate_pairs([])
    with pytest.raises(InputError, match=r"each of another scale; got \['fine', 'fine'\]"):
        evaluate_pairs([pair("fine", 0), pair("fine", 1)])
    wrong = pair("coarse", 1)
    with pytest.raises(InputError, match="scale 'coarse': gallery_labels has 3 rows"):
        evaluate_pairs([pair("fine", 0), replace(wrong, gallery_labels=np.zeros(3, int))])


def test_an_embedder_is_judged_on_query_and_gallery(made: Path, embedder: Embedder) -> None:
    root = made / "dyml_animal"
    result = judge_official(embedder, root)
    assert result.scales == SCALES
    for scale, classes in zip(SCALES, (12, 4, 2)):
        assert result.by_scale[scale]["queries"] == QUERIES
        manifest = open_official(root).benchmarks[scale,]
        vectors, labels = embed_manifest(embedder, manifest), manifest.labels
        query = np.array(manifest.split) == "query"
        alone = evaluate(vectors[query], labels[query], vectors[~query], labels[~query], scales=(scale,))
        assert result.by_scale[scale] == alone.by_scale[scale]
        chance = GALLERY // classes / GALLERY
        assert (result.by_scale[scale]["mAP"] or 0) > 1.2 * chance, "colours give the classes away"
    assert result.overall["mAP"] == pytest.approx(
        np.mean([result.by_scale[scale]["mAP"] for scale in SCALES])
    )


def test_product_is_judged_leave_one_out_at_all_scales(made: Path, embedder: Embedder) -> None:
    root = made / "dyml_product"
    result = judge_official(embedder, root)
    manifest = open_official(root).benchmarks[SCALES]
    expected = evaluate(embed_manifest(embedder, manifest), manifest.labels, scales=SCALES)
    assert result.to_dict() == expected.to_dict()
    assert result.multi["H-AP"] is not None


def test_a_converted_folder_is_judged_alike_and_keeps_its_channels(
    made: Path, tmp_path: Path, embedder: Embedder
) -> None:
    root = made / "dyml_animal"
    convert(read_release(root), tmp_path / "stored")
    convert(read_release(root), tmp_path / "swapped", channels="swapped")
    stored = judge_official(embedder, root).to_dict()
    assert judge_official(embedder, tmp_path / "stored").to_dict() == stored
    swapped = judge_official(embedder, root, channels="swapped").to_dict()
    assert swapped != stored
    assert judge_official(embedder, tmp_path / "swapped").to_dict() == swapped
    assert judge_official(embedder, tmp_path / "swapped", channels="stored").to_dict() == stored


def test_the_training_pictures_are_not_needed(made: Path, tmp_path: Path, embedder: Embedder) -> None:
    root = Path(shutil.copytree(made / "dyml_animal", tmp_path / "dyml_animal"))
    shutil.rmtree(root / "train")
    assert judge_official(embedder, root, ks=(1,)).by_scale["fine"]["queries"] == QUERIES


def test_what_is_missing_is_named(made: Path, tmp_path: Path, embedder: Embedder) -> None:
    root = Path(shutil.copytree(made / "dyml_animal", tmp_path / "dyml_animal"))
    (root / "bmk_middle/gallery/4.jpg").unlink()
    with pytest.raises(ImageError, match=r"bmk_middle/gallery/4.jpg: no such file"):
        judge_official(embedder, root)
    (root / "bmk_middle/gallery.csv").unlink()
    with pytest.raises(ManifestError, match=r"no table .*gallery.csv"):
        judge_official(embedder, root)
    convert(read_release(root), tmp_path / "out", skip_missing=True)
    with pytest.raises(ManifestError, match="at scale middle has 12 queries and 0 pictures in its gallery"):
        judge_official(embedder, tmp_path / "out")


def test_grey_pictures_have_no_channels_to_swap(made: Path) -> None:
    grey = Embedder("dyml_small", dim=8, channels=1, image_size=16, backbone_args={"width": 8})
    with pytest.raises(InputError, match="no red and blue to swap"):
        judge_official(grey, made / "dyml_animal", channels="swapped")
    assert judge_official(grey, made / "dyml_animal").scales == SCALES
