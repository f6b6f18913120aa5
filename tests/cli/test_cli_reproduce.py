"""From a release to a row beside the published ones, and the protocol from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from command_line import dyml
from dyml.cli.reproduce import METHODS
from dyml.data.official import published
from dyml.data.official.sizes import PUBLISHED
from official_sets import QUERIES, SCALES, make_set, published_miniatures

SETS = ("vehicle", "animal", "product")
TINY = "--data.size 16 --data.resize 16 --data.workers 0 --model.backbone dyml_small --model.pretrained false"
TINY += " --model.backbone_args.width 4 --model.dim 12 --sampler.batch_size 24 --optim.lr 0.01"
TINY += " --train.threads 1 --train.precision 32-true --train.accelerator cpu"
PARTS = ("triplet", "npair", "multi-similarity", "cosface", "circle")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    for name in SETS:
        make_set(folder / f"dyml_{name}", name)
    return folder


@pytest.fixture(autouse=True)
def as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the miniatures have the published sizes."""
    for name, sizes in published_miniatures().items():
        monkeypatch.setitem(PUBLISHED, name, sizes)


def tiny(method: str) -> list[str]:
    few = ["--sampler.per_class", "[2, 2, 4]"] if method in PARTS else ["--sampler.per_class", "2"]
    return [*TINY.split(), *few, "--epochs", "1"]


def test_the_methods_of_the_help_are_the_published_ones() -> None:
    assert METHODS == published.METHODS
    assert "dyml reproduce vehicle --data" in dyml("reproduce", "--help").stdout


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", SETS)
def test_every_method_on_every_set_from_the_release_to_its_row(
    sets: Path, tmp_path: Path, name: str, method: str
) -> None:
    run, root = tmp_path / "run", sets / f"dyml_{name}"
    options = ["--data", root, "--method", method, "--run", run, *tiny(method)]
    done = dyml("reproduce", name, *options, "--json")
    assert done.returncode == 0, done.stderr
    value = json.loads(done.stdout)
    assert (value["set"], value["method"]) == (name, method)
    assert value["percent"]["mAP"] == pytest.approx(100 * value["result"]["overall"]["mAP"])
    assert [row["title"] for row in value["published"]][-3:] == ["CSL, run again", "HAPPIER", "MSA"]
    assert "train.epochs 1" in value["changed settings"]
    assert json.loads((run / "reproduction.json").read_text()) == value
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"] == value["result"]
    if name == "product":
        assert value["result"]["multi"]["H-AP"] is not None
    else:
        assert metrics["official"] == name
        assert value["result"]["fine"]["queries"] == QUERIES


def test_a_finished_run_is_taken_as_it_is_and_judged_again_alike(sets: Path, tmp_path: Path) -> None:
    run, root = tmp_path / "run", sets / "dyml_vehicle"
    options = ["vehicle", "--data", root, "--run", run, *tiny("csl")]
    first = dyml("reproduce", *options)
    assert first.returncode == 0, first.stderr
    assert "a miniature: means over the scales, in per cent" in first.stdout
    assert "Not as shipped: data.size 16" in first.stdout
    again = dyml("reproduce", *options)
    assert f"{run} is finished" in again.stderr.replace("\n", "")
    assert again.stdout == first.stdout
    other = dyml("reproduce", *options, "--optim.lr", "0.02")
    assert other.returncode == 2
    assert "holds a run with other settings: wanted are optim.lr 0.02" in other.stderr
    made = json.loads((run / "metrics.json").read_text())["test"]
    out = tmp_path / "out.json"
    for words in (["--official", root], ["--data", root], []):
        judged = dyml("eval", run, *words, "--json", "--out", out)
        assert judged.returncode == 0, judged.stderr
        assert json.loads(judged.stdout) == json.loads(out.read_text()) == made
    assert set(SCALES) <= set(made)
    assert "95 % intervals" in dyml("eval", run, "--ci").stdout
    refused = dyml("eval", run, "--official", root, "--split", "train")
    assert "--split does not go with --official" in refused.stderr
    assert "labelled at all scales" in dyml("eval", run, "--report", tmp_path / "r.html").stderr
    assert "is none of the official sets" in dyml("eval", run, "--official", tmp_path).stderr
    assert "no test split to fit the gauge on" in dyml("gauge", run).stderr


def test_a_stopped_run_goes_on(sets: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ["product", "--data", sets / "dyml_product", "--run", run, *tiny("csl")]
    whole = dyml("reproduce", *options, "--json").stdout
    for name in ("metrics.json", "metrics.queries.npz", "reproduction.json"):
        (run / name).unlink()
    shutil.rmtree(run / "model")
    again = dyml("reproduce", *options, "--json")
    assert f"{run} goes on" in again.stderr.replace("\n", "")
    assert again.stdout == whole


def test_what_is_not_there_is_said_with_the_way_to_get_it(sets: Path, tmp_path: Path) -> None:
    done = dyml("reproduce", "vehicle", "--data", tmp_path / "gone")
    assert done.returncode == 2
    for words in ("is no folder", "https://github.com/SupetZYK/DynamicMetricLearning", "train/label.csv"):
        assert words in done.stderr
    assert "bmk_fine/, bmk_middle/, bmk_coarse/" in done.stderr
    assert "mini-bmk_all_in_one/label.csv" in dyml("reproduce", "product", "--data", tmp_path).stderr
    dyml("data", "official", sets / "dyml_animal", "--out", tmp_path / "animal")
    wrong = dyml("reproduce", "vehicle", "--data", tmp_path / "animal")
    assert "is the set animal, not vehicle" in wrong.stderr
    assert "no official set 'vehicles'" in dyml("reproduce", "vehicles", "--data", tmp_path).stderr
    words = ("reproduce", "animal", "--data", tmp_path / "animal", "--method", "hapier")
    assert "no method 'hapier'" in dyml(*words).stderr


def test_a_set_with_problems_is_refused_unless_asked_for(tmp_path: Path) -> None:
    root = make_set(tmp_path / "dyml_animal", "animal")
    (root / "bmk_coarse/gallery/7.jpg").unlink()
    words = ["reproduce", "animal", "--data", root, "--run", tmp_path / "run", *tiny("csl")]
    done = dyml(*words)
    assert done.returncode == 2
    assert "bmk_coarse gallery: 1 picture named in its table but not there" in done.stderr
    out = tmp_path / "manifests"
    done = dyml(*words, "--despite-problems", "--manifests", out)
    assert done.returncode == 0, done.stderr
    assert (out / "official.json").is_file()
    assert not (root / "manifest.csv").exists()


def test_swapped_channels_are_trained_on_and_judged(sets: Path, tmp_path: Path) -> None:
    root = sets / "dyml_animal"
    for order in ("stored", "swapped"):
        dyml("data", "official", root, "--out", tmp_path / order, "--channels", order)
        words = ("--data", tmp_path / order, "--run", tmp_path / f"run-{order}", *tiny("csl"))
        assert dyml("reproduce", "animal", *words).returncode == 0
        text = (tmp_path / f"run-{order}/config.yaml").read_text()
        assert f"channel_order: {order}" in text
    stored, swapped = (tmp_path / f"run-{order}/model/model.safetensors" for order in ("stored", "swapped"))
    assert stored.read_bytes() != swapped.read_bytes()
    run = tmp_path / "run-swapped"
    as_trained = json.loads((run / "metrics.json").read_text())["test"]
    assert json.loads(dyml("eval", run, "--official", tmp_path / "swapped", "--json").stdout) == as_trained
    assert json.loads(dyml("eval", run, "--official", tmp_path / "stored", "--json").stdout) != as_trained


def test_a_benchmark_that_is_not_there_shows_before_the_training(sets: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifests"
    dyml("data", "official", sets / "dyml_animal", "--out", out)
    (out / "bmk_middle.csv").unlink()
    words = ("reproduce", "animal", "--data", out, "--run", tmp_path / "run", *tiny("csl"))
    done = dyml(*words)
    assert done.returncode == 2
    assert "bmk_middle.csv" in done.stderr
    assert not (tmp_path / "run").exists()
