"""`dyml verify`: the table, JSON, the picture, and mistakes in one line."""

import json

import numpy as np
import pytest

from command_line import dyml
from dyml.metrics import verify
from species_files import write_species

FILES = ("--embeddings", "v.npy", "--labels", "l.csv")


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_species(tmp_path, "s{:02}")


def test_the_table_and_json_agree_with_the_library(tmp_path):
    fine = np.arange(60) % 12
    curves = verify(np.load("v.npy"), np.stack([fine, fine // 4], 1), scales=("species", "genus"))
    code, out, err = dyml("verify", *FILES, "--json", "--out", "r.json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {scale: curve.summary() for scale, curve in curves.items()}
    assert json.loads((tmp_path / "r.json").read_text()) == json.loads(out)
    lines = dyml("verify", *FILES)[1].splitlines()
    assert lines[0].split() == [
        "scale",
        *["EER", "AUC", "TAR@FAR=0.1", "TAR@FAR=0.01", "TAR@FAR=0.001", "TAR@FAR=0.0001"],
        "same",
        "pairs",
        "other",
        "pairs",
    ]
    eer = curves["species"].equal_error_rate()
    assert lines[2].split()[:2] == ["species", f"{100 * eer:.2f}"]
    # 60 · 59 / 2 pairs are too few to speak of one in ten thousand.
    assert lines[2].split()[6] == "–"


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_picture(tmp_path, ending):
    assert dyml("verify", *FILES, "--picture", f"roc.{ending}")[0] == 0
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert (tmp_path / f"roc.{ending}").read_bytes().startswith(start)


def test_a_gallery_by_id():
    gallery = ("--gallery", "v.npy", "--gallery-labels", "l.csv")
    pairs = [json.loads(dyml("verify", *FILES, *gallery, *more, "--json")[1]) for more in ((), ("--by-id",))]
    counts = [found["species"]["same pairs"] for found in pairs]
    assert counts == [60 * 5, 60 * 4]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "name a run or model"),
        (("--embeddings", "v.npy"), "--embeddings needs --labels"),
        (("run", "--by-id"), "--by-id goes with --embeddings alone"),
        ((*FILES, "--split", "test"), "--split does not go with --embeddings"),
        ((*FILES, "--gallery", "v.npy"), "--gallery and --gallery-labels come together"),
        ((*FILES, "--picture", "roc.gif"), "roc.gif: a picture's name ends in .png, .svg, .pdf"),
        (("nowhere",), "no run or model folder nowhere"),
    ],
)
def test_mistakes(words, text):
    code, out, err = dyml("verify", *words)
    assert (code, out) == (2, "")
    assert text in err
    assert err.count("\n") == 1
