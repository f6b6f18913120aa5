"""`dyml index` and `dyml search` as a user runs them, on a tiny model with random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from command_line import dyml

pytest.importorskip("lancedb")
pytest.importorskip("faiss")

from dyml.data import write_manifest
from dyml.gauge import fit_gauge
from dyml.gauge.storage import weights_digest
from dyml.models import Embedder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in nested folders with a manifest beside them, a model folder with a gauge, a gallery."""
    root = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {"path": [], "coarse": [], "fine": [], "split": []}
    for fine in range(8):
        folder = root / "pictures" / f"kind{fine // 4}" / f"item{fine}"
        folder.mkdir(parents=True)
        for n in range(3):
            pixels = rng.integers(0, 60, (40, 40, 3), dtype=np.uint8)
            pixels[:, 4 * fine : 4 * fine + 8, fine // 4] += 180
            Image.fromarray(pixels).save(folder / f"{n}.png")
            values = (
                f"kind{fine // 4}/item{fine}/{n}.png",
                f"kind{fine // 4}",
                f"item{fine}",
                ("a", "b")[n == 2],
            )
            for column, value in zip(rows.values(), values):
                column.append(value)
    torch.manual_seed(0)
    embedder = Embedder("dyml_small", dim=8, channels=3, image_size=16, backbone_args={"width": 4})
    embedder.save_pretrained(root / "model")
    fine = np.arange(120) // 6
    vectors = rng.normal(size=(20, 8))[fine] + 0.2 * rng.normal(size=(120, 8))
    gauge = fit_gauge(vectors, np.stack([fine, fine // 5], 1), ("fine", "coarse"), most=2000, replicates=0)
    gauge.changed(weights=weights_digest(root / "model" / "model.safetensors")).save(root / "model")
    done = dyml("index", root / "model", root / "pictures", root / "gallery")
    assert done.returncode == 0, done.stderr
    assert "24 added, 0 updated, 0 unchanged; classes are from the folders' names." in done.stdout
    assert "Their map is by t-SNE." in done.stdout
    write_manifest(rows, root / "pictures" / "manifest.csv")
    return root


def test_a_folder_again_with_its_manifest(work: Path) -> None:
    done = dyml("index", work / "model", work / "pictures", work / "gallery", "--split", "a", "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert (value["items"], value["added"], value["unchanged"]) == (24, 0, 16)
    assert value["map"] is None  # nothing changed


def test_a_table_of_results(work: Path) -> None:
    picture = work / "pictures" / "kind1" / "item5" / "1.png"
    done = dyml("search", work / "gallery", picture, "--k", 3)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["similarity", "fine", "%", "coarse", "%", "fine", "coarse", "id"]
    assert lines[1].split()[:2] == ["1", "1.000"]
    assert lines[1].endswith("kind1/item5/1.png")
    assert len(lines) == 4
    assert dyml("search", work / "gallery", picture, "--k", 3, "--scale", "coarse").stdout.count("%") == 1


def test_results_as_json_and_as_a_sheet(work: Path, tmp_path: Path) -> None:
    picture = work / "pictures" / "kind1" / "item5" / "1.png"
    sheet = tmp_path / "found.html"
    words = ["search", work / "gallery", picture, "--json", "--html", sheet, "--where", "coarse=kind1"]
    done = dyml(*words, "--where", "fine!=item5", "--k", 5)
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert len(value["results"]) == 5
    for row in value["results"]:
        assert row["labels"]["coarse"] == "kind1"
        assert row["labels"]["fine"] != "item5"
        assert set(row["probabilities"]) == {"fine", "coarse"}
    page = sheet.read_text()
    assert page.count("data:image/png") == 6
    assert "kind1/item5/1.png" in page
    grouped = json.loads(
        dyml("search", work / "gallery", picture, "--group", "--scale", "fine", "--k", 4, "--json").stdout
    )
    assert len(grouped["groups"]) == 4
    assert grouped["groups"][0]["class"] == "item5"
    assert len(grouped["groups"][0]["results"]) == 3


def test_an_item_as_the_query_is_not_its_own_result(work: Path) -> None:
    name = "kind0/item2/0.png"
    for more in (["--k", 5], ["--scale", "coarse", "--all"], ["--scale", "coarse", "--group"]):
        done = dyml("search", work / "gallery", "--id", name, "--json", *more)
        assert done.returncode == 0, done.stderr
        assert f'"id": "{name}"' not in done.stdout


def test_groups_as_a_table_and_pictures_in_the_terminal(work: Path) -> None:
    picture = work / "pictures" / "kind1" / "item5" / "1.png"
    done = dyml("search", work / "gallery", picture, "--scale", "coarse", "--group", "--per-class", 2)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("coarse")
    assert len(lines) == 5
    shown = dyml("search", work / "gallery", picture, "--k", 2, "--pictures").stdout
    assert "\x1b" in shown
    assert "\x1b" not in dyml("search", work / "gallery", picture, "--k", 2).stdout  # no terminal


def test_vectors_of_a_file(work: Path, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(10, 8))
    fine = np.array([f"x{i // 2}" for i in range(10)])
    np.savez(tmp_path / "v.npz", vectors=vectors, fine=fine, coarse=np.arange(10) // 5)
    done = dyml("index", work / "model", tmp_path / "v.npz", tmp_path / "g")
    assert done.returncode == 0, done.stderr
    assert "10 added" in done.stdout
    found = json.loads(dyml("search", tmp_path / "g", "--id", "row3", "--k", 1, "--json").stdout)
    assert set(found["results"][0]["labels"]) == {"fine", "coarse"}


def test_a_plain_folder_has_no_classes(work: Path, tmp_path: Path) -> None:
    folder = work / "pictures" / "kind0" / "item0"
    done = dyml("index", work / "model", folder, tmp_path / "g", "--no-map")
    assert done.returncode == 0, done.stderr
    assert "3 added" in done.stdout
    assert "classes are from nowhere" in done.stdout
    assert len(dyml("search", tmp_path / "g", folder / "0.png").stdout.splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["search", "GALLERY"], "name a PICTURE to search for, or --id"),
        (["search", "GALLERY", "nothing.png"], "nothing.png: no such file"),
        (["search", "GALLERY", "--id", "nothing"], "no item 'nothing'"),
        (["search", "GALLERY", "--id", "kind0/item2/0.png", "--group"], "--group needs --scale"),
        (["search", "GALLERY", "--id", "kind0/item2/0.png", "--all"], "--all needs --scale"),
        (["search", "GALLERY", "--id", "kind0/item2/0.png", "--where", "fine"], "write NAME=VALUE"),
        (["search", "GALLERY", "--id", "kind0/item2/0.png", "--where", "fin=a"], "no item has 'fin'"),
        (["search", "GALLERY", "--id", "kind0/item2/0.png", "--scale", "finest"], "no scale 'finest'"),
        (["search", "GALLERY", "--id", "a", "--model", "other"], "no model in"),
        (["search", "nowhere", "--id", "a"], "no gallery in nowhere"),
        (["index", "MODEL", "nowhere", "new"], "nowhere"),
        (["index", "MODEL", "PICTURES", "new", "--split", "x"], "no rows of split 'x'"),
        (["index", "OTHER", "PICTURES", "GALLERY"], "was made with another model"),
        (["index", "MODEL", "v.npz", "new", "--split", "x"], "--split does not go with a file of vectors"),
        (["index", "MODEL", "v.npz", "new"], "v.npz: no such file"),
    ],
)
def test_mistakes(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"GALLERY": work / "gallery", "MODEL": work / "model", "PICTURES": work / "pictures"}
    if "OTHER" in words:
        torch.manual_seed(1)
        other = Embedder("dyml_small", dim=8, channels=3, image_size=16, backbone_args={"width": 4})
        other.save_pretrained(tmp_path / "other")
        places["OTHER"] = tmp_path / "other"
    done = dyml(*(places.get(word, word) for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
