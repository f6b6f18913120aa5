"""`dyml gauge` and `dyml compare-images` as a user runs them, on a tiny model with random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import Done, dyml
from dyml.data import write_manifest


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two coarse and 24 fine classes of 4 grey pictures: 8 classes each to train, validate and test on."""
    root = tmp_path_factory.mktemp("pictures ü")
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {name: [] for name in ("path", "fine", "coarse", "split", "two")}
    for fine in range(24):
        for i in range(4):
            pixels = rng.integers(0, 70, (26, 26), dtype=np.uint8)
            pixels[:, fine : fine + 2] += 150
            pixels[: 4 + 9 * (fine // 12)] //= 2
            Image.fromarray(pixels).save(root / f"{fine} {i}.png")
            split = ("train", "val", "test")[fine % 3]
            values = (
                f"{fine} {i}.png",
                f"f{fine:02d}",
                f"c{fine // 12}",
                split,
                split.replace("val", "test"),
            )
            for column, value in zip(rows.values(), values):
                column.append(value)
    two = rows.pop("two")
    write_manifest(rows, root / "with-val.csv")
    write_manifest({**rows, "split": two}, root / "manifest.csv")
    return root


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a model of random weights."""
    from dyml.data import read_manifest
    from dyml.training.build import build_embedder
    from dyml.training.settings import dump_text, load_config

    options = {"data.root": str(pictures), "data.size": 16, "data.channels": 1, "model.dim": 16}
    config = load_config(None, {**options, "model.backbone_args": {"width": 4}, "train.threads": 1})
    taxonomy = read_manifest(pictures).only("train").taxonomy
    folder = tmp_path_factory.mktemp("runs") / "one"
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_text(config), encoding="utf-8")
    embedder = build_embedder(config, taxonomy)
    embedder.save_pretrained(folder / "model")
    return folder


@pytest.fixture(scope="module")
def gauged(run: Path) -> Done:
    done = dyml("gauge", run, "--replicates", 20, "--far", 0.05, "--precision", 0.4)
    assert done.returncode == 0, done.stderr
    return done


def test_gauge_says_what_it_did(gauged: Done, run: Path) -> None:
    text = gauged.stdout
    assert "fitted on half of the fine classes of split test (8 classes, 32 pictures)" in text
    assert "judged on the other half (8 classes, 32 pictures)" in text
    assert "Prior P(same class) of two pictures, as often as in the data: 4.76 % fine" in text
    assert "dB from fine to coarse" in text
    assert "scales resolved (EER below 10 %)" in text
    for criterion in ("eer", "far=0.05", "f1", "precision=0.4"):
        assert criterion in text
    assert str(run / "model" / "gauge.json") in text


def test_gauge_writes_a_drawing_that_needs_nothing_else(gauged: Done, run: Path) -> None:
    page = (run / "gauge.html").read_text(encoding="utf-8")
    assert page.count("<svg class=") >= 4
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for title in ("The ruler", "Thresholds", "Reliability"):
        assert f">{title}</h2>" in page


def test_gauge_json_is_the_file(gauged: Done, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "other.json"
    done = dyml("gauge", run, "--replicates", 0, "--json", "--out", out, "--prior", "even", "--pairs", 200)
    value = json.loads(done.stdout)
    assert value == json.loads(out.read_text(encoding="utf-8"))
    assert value["prior"] == pytest.approx([1 / 3] * 3)
    assert (tmp_path / "other.html").exists()
    assert value["weights"] is not None


def test_a_validation_split_is_fitted_on_and_the_test_split_judges(run: Path, tmp_path: Path) -> None:
    options = ["--data.manifest", "with-val.csv", "--replicates", 0, "--out", tmp_path / "g.json"]
    config = (run / "config.yaml").read_text(encoding="utf-8")
    root = next(line for line in config.splitlines() if "root:" in line).partition("root: ")[2].strip("'\"")
    done = dyml("gauge", run / "model", "--data", root, *options)
    assert done.returncode == 0, done.stderr
    assert "fitted on split val (8 classes, 32 pictures), judged on split test (8 classes" in done.stdout
    halves = dyml("gauge", run / "model", "--data", root, *options, "--split", "val")
    assert "half of the fine classes of split val (4 classes" in halves.stdout


def test_trained_classes_are_refused_or_named(run: Path, pictures: Path, tmp_path: Path) -> None:
    done = dyml("gauge", run, "--split", "train")
    assert done.returncode == 2
    assert "was trained on" in done.stderr
    done = dyml("gauge", run, "--split", "all", "--replicates", 0, "--out", tmp_path / "g.json")
    assert "8 of these classes were trained on, so what is said here is too good" in done.stdout


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--split", "tset"], "Did you mean 'test'?"),
        (["--prior", "evn"], "a prior is 'data', 'even'"),
        (["--prior", "0.5,0.1"], "do not fall"),
        (["--far", "7"], "between 0 and 1"),
        (["--score", "mse"], "log_loss or brier"),
        (["--draw", "pairs"], "class or picture"),
        (["--data", "no such folder"], "no such folder"),
    ],
)
def test_mistakes_are_one_line(run: Path, tmp_path: Path, options: list[str], text: str) -> None:
    done = dyml("gauge", run, *options, "--out", tmp_path / "g.json")
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "g.json").exists()


def test_a_model_alone_needs_data_and_a_hub_model_a_file(run: Path) -> None:
    assert "--data" in dyml("gauge", run / "model").stderr
    assert "--out" in dyml("gauge", "hub:someone/model").stderr
    assert "no run or model folder" in dyml("gauge", "nowhere").stderr


def test_compare_images(gauged: Done, run: Path, pictures: Path) -> None:
    a, b = pictures / "2 0.png", pictures / "2 1.png"
    done = dyml("compare-images", a, b, "--model", run)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("similarity 0.")
    assert [line.split()[0] for line in lines[2:5]] == ["scale", "fine", "coarse"]
    value = json.loads(dyml("compare-images", a, b, "--model", run / "model", "--json").stdout)
    assert value["scales"]["fine"]["prior"] == pytest.approx(1 / 3)
    assert value["scales"]["fine"]["probability"] <= value["scales"]["coarse"]["probability"]
    rows = value["scales"].values()
    assert [row["same"] for row in rows] == [row["probability"] >= 0.5 for row in rows]
    data = json.loads(dyml("compare-images", a, b, "--model", run, "--json", "--prior", "data").stdout)
    assert data["similarity"] == value["similarity"]
    assert data["scales"]["fine"]["probability"] < value["scales"]["fine"]["probability"]


def test_compare_images_with_a_gauge_from_elsewhere(
    gauged: Done, run: Path, pictures: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "g.json"
    elsewhere.write_bytes((run / "model" / "gauge.json").read_bytes())
    words = ["compare-images", pictures / "2 0.png", pictures / "2 1.png", "--model", run, "--json"]
    assert dyml(*words, "--gauge", elsewhere).stdout == dyml(*words).stdout
    elsewhere.write_text("{}", encoding="utf-8")
    done = dyml(*words, "--gauge", elsewhere)
    assert (done.returncode, "is not a gauge" in done.stderr) == (2, True)
    assert "a criterion is eer" in dyml(*words, "--same", "eeer").stderr


def test_a_picture_is_like_itself(gauged: Done, run: Path, pictures: Path) -> None:
    a = pictures / "5 0.png"
    value = json.loads(dyml("compare-images", a, a, "--model", run, "--same", "eer", "--json").stdout)
    assert value["similarity"] == pytest.approx(1, abs=1e-6)
    assert value["distance"] == pytest.approx(0, abs=2e-3)
    assert all(row["same"] for row in value["scales"].values())


def test_compare_images_without_gauge_or_picture(gauged: Done, run: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    done = dyml("compare-images", picture, picture, "--model", run)
    assert (done.returncode, "no such file" in done.stderr) == (2, True)
    done = dyml("compare-images", picture, picture, "--model", tmp_path)
    assert done.returncode == 2
    assert f"`dyml gauge {tmp_path}` writes one" in done.stderr


def test_a_gauge_of_other_weights_is_refused(gauged: Done, run: Path, pictures: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in (run / "model").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    with (model / "model.safetensors").open("ab") as stream:
        stream.write(b" ")
    done = dyml("compare-images", pictures / "2 0.png", pictures / "2 1.png", "--model", model)
    assert done.returncode == 2
    assert "fitted with other weights" in done.stderr
