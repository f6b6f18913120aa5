"""The study from the command line: a miniature from start to page, taken up again, and mistakes."""

import csv
import json
from pathlib import Path

import pytest

from command_line import Done, dyml
from study_sets import make_set


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("study"))


def study(squares: Path, *words: object) -> Done:
    out, runs = squares.parent / "docs" / "results.md", squares.parent / "runs"
    return dyml("study", "--sets", squares, "--runs", runs, "--out", out, *words)


@pytest.fixture(scope="module")
def done(squares: Path) -> Done:
    """Two methods, two seeds."""
    return study(squares, "--methods", "csl,cosface", "--seeds", "0,1")


def test_a_miniature_study(squares: Path, done: Done) -> None:
    assert done.returncode == 0, done.stderr
    assert "4 runs (1 sets × 2 methods × 2 seeds), budget full: 0 done, 4 to do" in done.stdout
    assert "to go" in done.stdout
    assert "[4/4] squares  CosFace per scale  seed 1:  ASI / mAP / CMC@1  " in done.stdout
    folder = squares.parent / "runs" / "full" / "squares" / "csl" / "seed0"
    assert (folder / "model").is_dir()
    assert not (folder / "report.html").exists()
    noted = json.loads((folder / "study.json").read_text())
    assert noted["seconds"] > 0
    assert noted["processor seconds"] > 0
    assert noted["pictures/s"] > 0
    assert json.loads((folder / "metrics.json").read_text())["baselines"] == {}


def test_the_page_and_its_figures(squares: Path, done: Done) -> None:
    out = squares.parent / "docs"
    page = (out / "results.md").read_text(encoding="utf-8")
    for words in (
        "## Who wins where",
        "## squares",
        "| CSL |",
        "| CosFace per scale |",
        "seeds 0, 1",
        "torch",
    ):
        assert words in page, words
    assert "(images/study-squares.svg)" in page
    assert (out / "images" / "study-squares.svg").read_text(encoding="utf-8").startswith("<?xml")
    value = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert [(run["method"], run["seed"]) for run in value["runs"]] == [
        ("csl", 0),
        ("cosface", 0),
        ("csl", 1),
        ("cosface", 1),
    ]
    with (out / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [
        float(row["value"])
        for row in rows
        if (row["method"], row["seed"], row["scale"], row["measure"]) == ("csl", "1", "fine", "mAP")
    ]
    assert found == [value["runs"][2]["measures"]["fine"]["mAP"]]


def test_what_is_done_is_not_made_again(squares: Path, done: Done) -> None:
    folder = squares.parent / "runs" / "full" / "squares" / "csl" / "seed0"
    before = (folder / "metrics.json").stat().st_mtime_ns
    again = study(squares, "--methods", "csl,cosface", "--seeds", "0,1")
    assert again.returncode == 0, again.stderr
    assert "4 done, 0 to do" in again.stdout
    assert (folder / "metrics.json").stat().st_mtime_ns == before


def test_a_dry_run_says_what_would_be_run(squares: Path, done: Done) -> None:
    plan = study(squares, "--methods", "csl,cosface", "--seeds", "0,5", "--dry-run")
    assert plan.returncode == 0, plan.stderr
    lines = [line.split()[0] for line in plan.stdout.splitlines() if "seed" in line and "squares" in line]
    assert lines == ["done", "done", "new", "new"]
    assert not (squares.parent / "runs" / "full" / "squares" / "csl" / "seed5").exists()


def test_a_page_alone(squares: Path, done: Done, tmp_path: Path) -> None:
    page = tmp_path / "one.md"
    words = ("--methods", "csl", "--seeds", "0", "--report-only", "--out", page)
    assert study(squares, *words).returncode == 0
    assert "CSL alone was run" in page.read_text(encoding="utf-8")
    nothing = study(squares, "--methods", "tied", "--report-only")
    assert nothing.returncode == 2
    assert "no run in" in nothing.stderr


def test_runs_of_other_settings_are_not_mixed_in(squares: Path, done: Done, tmp_path: Path) -> None:
    methods = tmp_path / "methods.yaml"
    methods.write_text("csl: {loss: {type: dyml.losses.CrossScaleLoss, margins: [0.1, 0.2, 0.3]}}\n")
    other = study(squares, "--methods", "csl", "--methods-file", methods, "--seeds", "0")
    assert other.returncode == 2
    assert "csl/seed0 was made with other settings: loss.margins is [0.2, 0.3, 0.4] there" in other.stderr
    assert "Remove that folder, or choose another with --runs" in other.stderr


def test_a_method_of_ones_own(squares: Path, tmp_path: Path) -> None:
    methods = tmp_path / "methods.yaml"
    methods.write_text("mine:\n  title: My loss\n  loss: {type: dyml.losses.TiedProxyLoss, scale: 16}\n")
    out = tmp_path / "results.md"
    words = ("--methods", "mine", "--methods-file", methods, "--seeds", "3", "--out", out)
    assert study(squares, *words).returncode == 0
    assert (
        "| My loss | mine | methods.yaml | `{type: dyml.losses.TiedProxyLoss, scale: 16}` |"
        in out.read_text()
    )


@pytest.mark.slow
def test_two_runs_at_a_time(squares: Path, done: Done, tmp_path: Path) -> None:
    words = ("--methods", "csl,cosface", "--seeds", "0", "--workers", "2", "--runs", tmp_path)
    both = study(squares, *words, "--out", tmp_path / "results.md")
    assert both.returncode == 0, both.stderr
    assert "[2/2]" in both.stdout
    ends = [
        json.loads((runs / "full" / "squares" / "csl" / "seed0" / "metrics.json").read_text())["test"]
        for runs in (tmp_path, squares.parent / "runs")
    ]
    assert ends[0]["overall"]["mAP"] == pytest.approx(ends[1]["overall"]["mAP"], abs=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--sets", "glyfs"), "no set 'glyfs'. Did you mean 'glyphs'?"),
        (("--sets", "grocery"), "the pictures of grocery are not built in: name the folder"),
        (("--sets", "glyphs", "--methods", "cls"), "no method 'cls'. Did you mean 'csl'?"),
        (("--sets", "glyphs", "--seeds", "0,one"), "--seeds must be whole numbers"),
        (("--sets", "glyphs", "--seeds", "1,1"), "seeds must be different whole numbers from 0 up"),
        (("--sets", "glyphs", "--budget", "shrot"), "no budget 'shrot'. Did you mean 'short'?"),
        (("--sets", "glyphs,glyphs"), "two sets have the same name"),
        (("--sets", "nothing.yaml"), "no configuration nothing.yaml"),
        (("--sets", "omniglot", "--data", "nowhere"), "nowhere holds no folder omniglot"),
    ],
)
def test_mistakes_are_named(words: tuple[str, ...], said: str) -> None:
    wrong = dyml("study", *words)
    assert wrong.returncode == 2
    assert said in wrong.stderr
