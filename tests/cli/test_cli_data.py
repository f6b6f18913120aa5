"""The commands under `dyml data`: what they print, write and return."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from dyml.cli.data import app
from dyml.data import read_manifest
from dyml.errors import ManifestError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Nested folders: 2 coarse, 4 middle, 10 fine classes of two pictures each."""
    rng = np.random.default_rng(0)
    for fine in range(10):
        folder = tmp_path / "photos" / f"coarse {fine // 6}" / f"middle {fine // 3}" / f"fine {fine}"
        folder.mkdir(parents=True)
        for k in range(2):
            Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{k}.png")
    return tmp_path / "photos"


def test_from_folders_to_a_checked_open_set_split(photos: Path) -> None:
    scanned = run("scan", photos)
    assert scanned.exit_code == 0, scanned.output
    assert "20 pictures; classes: 10 fine, 4 middle, 2 coarse" in scanned.output
    assert f"Next: `dyml data split {photos / 'manifest.csv'}`" in scanned.output
    done = run("split", photos)
    assert done.exit_code == 0, done.output
    assert "split by fine class, seed 0" in done.output
    assert (
        "- middle: 3 of 4 classes are on both sides of the split; 1 have a single fine class" in done.output
    )
    assert "- coarse: 2 of 2 classes are on both sides of the split" in done.output
    assert read_manifest(photos).only("test").taxonomy.num_fine == 4
    checked = run("check", photos)
    assert checked.exit_code == 0, checked.output
    assert "The split is open-set: no fine class of train is in another split." in checked.output
    assert "No problems found." in checked.output


def test_scan_takes_names_and_a_place(photos: Path) -> None:
    target = photos.parent / "all.parquet"
    assert run("scan", photos, "--scales", "species, genus,family", "--out", target).exit_code == 0
    manifest = read_manifest(target)
    assert manifest.scales == ("species", "genus", "family")
    assert manifest.paths[0].startswith("photos/coarse 0/")


def test_scan_reports_what_it_left_out(photos: Path) -> None:
    (photos / "readme.txt").touch()
    assert "- 1 file is no picture and left out: .txt 1." in run("scan", photos).output


def test_nothing_is_written_over_without_force(photos: Path) -> None:
    assert run("scan", photos).exit_code == 0
    for command in ("scan", "split"):
        before = (photos / "manifest.csv").read_text()
        if command == "split":
            assert run("split", photos).exit_code == 0
            before = (photos / "manifest.csv").read_text()
        refused = run(command, photos)
        assert isinstance(refused.exception, ManifestError)
        assert "--force" in str(refused.exception)
        assert (photos / "manifest.csv").read_text() == before
    assert run("split", photos, "--force", "--seed", 5).exit_code == 0
    assert (photos / "manifest.csv").read_text() != before
    assert run("scan", photos, "--force").exit_code == 0
    assert read_manifest(photos).split is None


def test_split_writes_elsewhere_and_says_where_the_pictures_are(photos: Path, tmp_path: Path) -> None:
    run("scan", photos)
    other = tmp_path / "splits" / "a.csv"
    done = run("split", photos, "--out", other, "--val-share", 0.2)
    assert done.exit_code == 0, done.output
    assert f"Its paths are relative to {photos}" in done.output
    assert "on several sides" in done.output
    assert read_manifest(other).splits == ("train", "val", "test")
    assert read_manifest(photos).split is None
    assert run("check", other, "--root", photos).exit_code == 0


def test_split_warns_of_single_pictures(photos: Path) -> None:
    (photos / "coarse 0/middle 0/fine 0/1.png").unlink()
    run("scan", photos)
    assert (
        "warning: fine classes with a single picture, which can never be retrieved: fine 0"
        in run("split", photos).output
    )


def test_check_returns_one_and_lists_the_problems(photos: Path) -> None:
    run("scan", photos)
    (photos / "coarse 0/middle 0/fine 0/1.png").write_bytes(b"")
    checked = run("check", photos)
    assert checked.exit_code == 1
    assert "There is no split into train and others" in checked.output
    assert "Problems found (1):" in checked.output
    assert "- 1 picture empty: coarse 0/middle 0/fine 0/1.png" in checked.output
    assert "  row 3: " in checked.output


def test_check_shortens_a_long_list(photos: Path) -> None:
    run("scan", photos)
    manifest = photos / "manifest.csv"
    manifest.write_text(
        manifest.read_text() + "".join(f"gone {i},coarse 0,middle 0,fine 0\n" for i in range(30))
    )
    checked = run("check", photos)
    assert "- 30 pictures missing: gone 0, gone 1, gone 2 and 27 more" in checked.output
    assert "and 10 more; --json lists all" in checked.output
    assert len(json.loads(run("check", photos, "--json").stdout)["bad"]) == 30


def test_check_prints_json_alone_to_stdout(photos: Path) -> None:
    run("scan", photos)
    checked = run("check", photos, "--json", "--workers", 1)
    assert checked.exit_code == 0
    value = json.loads(checked.stdout)
    assert (value["pictures"], value["problems"], value["open_set"]) == (20, [], None)
    assert value["counts"][0]["classes"] == 10


def test_single_pictures_may_be_allowed(photos: Path) -> None:
    (photos / "coarse 0/middle 0/fine 0/1.png").unlink()
    run("scan", photos)
    assert run("check", photos).exit_code == 1
    assert run("check", photos, "--allow-single").exit_code == 0


def test_lookalike_names_are_shown_but_no_problem(photos: Path) -> None:
    (photos / "coarse 0/middle 0/fine 0").rename(photos / "coarse 0/middle 0/Fine-1")
    run("scan", photos)
    checked = run("check", photos)
    assert checked.exit_code == 0
    assert "Look alike, are they one class? Fine-1 / fine 1" in checked.output


@pytest.mark.parametrize("command", [[], ["scan"], ["split"], ["check"], ["glyphs"]])
def test_help_teaches_by_example(command: list[str]) -> None:
    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert f"dyml data {command[0] if command else 'scan'}" in shown.output


def test_glyphs_are_drawn_as_a_manifest(tmp_path: Path) -> None:
    done = run("glyphs", tmp_path / "glyphs", "--size", 16, "--limit", 12)
    assert done.exit_code == 0, done.output
    manifest = read_manifest(tmp_path / "glyphs")
    assert manifest.scales == ("fine", "middle", "coarse")
    assert f"{len(manifest):,} pictures; classes: 12 fine" in done.output
