"""`dyml eval --embeddings`: tables, formats, intervals, and mistakes in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from command_line import dyml
from dyml.metrics import Result
from species_files import write_species


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_species(tmp_path)


FILES = ("--embeddings", "v.npy", "--labels", "l.csv")


def test_formats():
    code, out, err = dyml("eval", *FILES, "--ci", "--out", "r.json")
    assert (code, err) == (0, "")
    assert out.startswith("scale")
    assert "95 % intervals" in out
    result = Result.from_json("r.json")
    assert result.scales == ("species", "genus")
    assert result.per_query is not None
    low, high = result.intervals()["overall"]["mAP"]
    assert f"{100 * low:.2f} … {100 * high:.2f}" in out
    value = json.loads(
        dyml("eval", *FILES, "--json", "--ci", "--measures", "MRR, NDCG@5".replace(" ", ""))[1]
    )
    assert {"MRR", "mAP"} <= set(value["species"])
    assert "NDCG@5" in value["multi"]
    assert value["intervals"]["overall"]["mAP"] == [low, high]
    assert dyml("eval", *FILES, "--format", "csv")[1] == result.to_csv()
    lines = dyml("eval", *FILES, "--format", "csv", "--ci")[1].splitlines()
    assert lines[0] == "scale,measure,value,low,high"
    assert f"overall,mAP,{result.overall['mAP']!r},{low!r},{high!r}" in lines
    assert dyml("eval", *FILES, "--format", "latex")[1].startswith(r"\begin{tabular}")


def test_a_gallery():
    _, out, _ = dyml("eval", *FILES, "--gallery", "v.npy", "--gallery-labels", "l.csv", "--by-id")
    assert out.splitlines()[-1].split() == ["protocol", "by", "id"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "name a run or model to judge, or --embeddings"),
        (FILES[:2], "--embeddings needs --labels FILE"),
        ((*FILES, "--gallery", "v.npy"), "--gallery and --gallery-labels come together"),
        ((*FILES, "--split", "test"), "--split does not go with --embeddings"),
        (("run", *FILES), "run does not go with --embeddings"),
        (("run", "--by-id"), "--by-id goes with --embeddings alone"),
        ((*FILES, "--format", "latx"), "Did you mean 'latex'"),
        ((*FILES, "--measures", "recall@3"), "no measure 'recall@3'"),
        ((*FILES, "--scales", "genus,species"), "do not nest"),
    ],
)
def test_mistakes(words, text):
    code, out, err = dyml("eval", *words)
    assert (code, out) == (2, "")
    assert text in err
    assert len(err.splitlines()) == 1


def test_every_class_and_the_worst():
    code, out, err = dyml("eval", *FILES, "--per-class", "classes.csv", "--worst", "2")
    assert (code, err) == (0, "")
    rows = [line.split(",") for line in Path("classes.csv").read_text().splitlines()]
    assert rows[0][:4] == ["scale", "class", "queries", "mAP"]
    assert [row[0] for row in rows[1:]] == ["species"] * 12 + ["genus"] * 3
    assert {row[1] for row in rows[1:13]} == {f"s{i}" for i in range(12)}
    table = out.partition("worst at")[2].splitlines()[1:]
    assert [line.split()[0] for line in table] == ["species"] * 2 + ["genus"] * 2
    lowest = min(rows[1:13], key=lambda row: float(row[3]))
    assert table[0].split()[1:4] == [lowest[1], lowest[2], f"{100 * float(lowest[3]):.2f}"]
    # Machine output stays alone on stdout.
    assert json.loads(dyml("eval", *FILES, "--json", "--per-class", "classes.csv")[1])["species"]


def test_distances_differ_from_cosines():
    vectors = np.load("v.npy")
    np.save("v.npy", vectors * np.arange(1, 61)[:, None])
    cosine, nearest = (
        json.loads(dyml("eval", *FILES, "--json", "--similarity", name)[1])
        for name in ("cosine", "euclidean")
    )
    assert nearest["species"]["mAP"] < cosine["species"]["mAP"]
    assert "similarity must be one of" in dyml("eval", *FILES, "--similarity", "euclid")[2]


def test_what_goes_with_files_alone():
    assert "--similarity goes with --embeddings alone" in dyml("eval", "run", "--similarity", "dot")[2]
    assert "--by-id goes with --embeddings alone" in dyml("eval", "run", "--by-id")[2]
