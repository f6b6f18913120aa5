"""`dyml data official`: what it prints, writes and returns."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dyml.cli.data import app
from dyml.data import read_manifest
from dyml.data.official.sizes import PUBLISHED
from dyml.errors import InputError, ManifestError
from official_sets import GALLERY, QUERIES, TRAIN, make_set, published_miniatures


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["official", *map(str, arguments)], env={"COLUMNS": "120"})


@pytest.fixture
def animal(tmp_path: Path) -> Path:
    return make_set(tmp_path / "dyml_animal", "animal")


@pytest.fixture
def as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the miniatures have the published sizes."""
    for name, sizes in published_miniatures().items():
        monkeypatch.setitem(PUBLISHED, name, sizes)


@pytest.mark.usefixtures("as_published")
def test_a_whole_set_is_checked_and_converted(animal: Path) -> None:
    done = run(animal)
    assert done.exit_code == 0, done.output
    assert "No problems found." in done.output
    assert "the first record is glued to the header" in done.output
    assert f"manifest.csv: {TRAIN} rows" in done.output
    assert f"bmk_middle.csv: {QUERIES + GALLERY} rows" in done.output
    assert "samples in both channel orders; chosen: stored" in done.output
    assert len(read_manifest(animal)) == TRAIN


@pytest.mark.usefixtures("as_published")
def test_manifests_go_elsewhere_when_asked(animal: Path, tmp_path: Path) -> None:
    done = run(animal, "--out", tmp_path / "out", "--channels", "swapped")
    assert done.exit_code == 0, done.output
    assert "chosen: swapped" in done.output
    assert f"Pictures stay where they are, in {animal}" in done.output
    assert not (animal / "manifest.csv").exists()
    assert json.loads((tmp_path / "out/official.json").read_text())["root"] == str(animal)


@pytest.mark.usefixtures("as_published")
def test_checking_alone_writes_nothing(animal: Path) -> None:
    assert run(animal, "--check").exit_code == 0
    assert not (animal / "manifest.csv").exists()


def test_problems_are_listed_and_stop_the_conversion(animal: Path) -> None:
    (animal / "bmk_coarse/gallery/7.jpg").unlink()
    done = run(animal)
    assert done.exit_code == 1
    assert "Problems found (5):" in done.output
    assert f"- train: {TRAIN} pictures, published are 408k" in done.output
    assert "- bmk_coarse gallery: 1 picture named in its table but not there: 7.jpg" in done.output
    assert "differs" in done.output
    assert "Nothing was written." in done.output
    assert not (animal / "manifest.csv").exists()


def test_one_may_convert_in_spite_of_problems(animal: Path) -> None:
    (animal / "bmk_coarse/gallery/7.jpg").unlink()
    done = run(animal, "--despite-problems")
    assert done.exit_code == 1
    assert f"bmk_coarse.csv: {QUERIES + GALLERY - 1} rows" in done.output


def test_json_stands_alone_on_stdout(animal: Path) -> None:
    value = json.loads(run(animal, "--json", "--check").stdout)
    assert (value["name"], value["title"], value["written"]) == ("animal", "DyML-Animal", None)
    assert len(value["problems"]) == 4
    count = value["counts"][0]
    assert (count["part"], count["what"], count["count"]) == ("train", "pictures", TRAIN)
    assert (count["published"], count["agrees"]) == ("408k", False)
    written = json.loads(run(animal, "--json", "--despite-problems").stdout)["written"]
    assert written["folder"] == str(animal)
    assert written["manifest.csv"] == TRAIN


def test_what_is_not_understood_is_refused(animal: Path, tmp_path: Path) -> None:
    assert isinstance(run(tmp_path / "gone").exception, ManifestError)
    refused = run(animal, "--channels", "bgr")
    assert isinstance(refused.exception, InputError)
    assert "no channel order 'bgr'; there are stored, swapped" in str(refused.exception)
    assert "no official set 'animals'" in str(run(animal, "--set", "animals").exception)


def test_a_named_set_is_not_guessed(tmp_path: Path) -> None:
    root = make_set(tmp_path / "data", "vehicle")
    assert json.loads(run(root, "--check", "--json").stdout)["name"] == "animal"
    assert json.loads(run(root, "--check", "--json", "--set", "vehicle").stdout)["name"] == "vehicle"


def test_help_teaches_by_example() -> None:
    assert "dyml data official dyml_vehicle --out" in run("--help").output
