"""`dyml compare` on saved results."""

import json

import numpy as np
import pytest

from command_line import dyml
from dyml.metrics import evaluate


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fine = np.random.default_rng(0).integers(0, 10, 80)
    labels = np.stack([fine, fine // 5], axis=1)
    centres = np.random.default_rng(1).normal(size=(10, 5))
    for name, noise in (("good", 0.5), ("bad", 3.0), ("bare", 1.0)):
        vectors = centres[fine] + noise * np.random.default_rng(2).normal(size=(80, 5))
        result = evaluate(vectors, labels, scales=("fine", "coarse"), keep=name != "bare")
        result.to_json(f"{name}.json")
    (tmp_path / "run").mkdir()
    text = json.dumps({"test": json.loads((tmp_path / "good.json").read_text()), "baselines": {}})
    (tmp_path / "run" / "metrics.json").write_text(text)


def test_a_table_with_intervals(saved):
    code, out, err = dyml("compare", "bad.json", "good.json")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "bad.json  →  good.json"
    row = next(line for line in lines if line.startswith("overall  mAP "))
    assert "+" in row
    assert row.endswith("0.0005")
    assert any(line.startswith("multi    H-AP") for line in lines)
    assert not any(line.startswith("fine") for line in lines)
    assert any(
        line.startswith("fine") for line in dyml("compare", "bad.json", "good.json", "--all")[1].splitlines()
    )


def test_json_latex_runs_and_what_is_missing(saved):
    code, out, _ = dyml("compare", "run", "bad.json", "bare.json", "--json")
    value = json.loads(out)
    assert code == 0
    assert list(value["others"]) == ["bad.json", "bare.json"]
    assert value["others"]["bad.json"]["fine"]["mAP"]["delta"] < 0
    assert value["others"]["bad.json"]["fine"]["mAP"]["p"] is None
    out = dyml("compare", "good.json", "bare.json")[1]
    assert out.splitlines()[-1].startswith("Without intervals")
    out = dyml("compare", "good.json", "bad.json", "--latex")[1]
    assert out.startswith(r"\begin{tabular}")
    assert "good.json & " in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["good.json"], "two results or more"),
        (["good.json", "good.json"], "named twice"),
        (["good.json", "none.json"], "no result file none.json"),
        (["good.json", "."], "holds no metrics.json"),
    ],
)
def test_mistakes(saved, words, text):
    code, out, err = dyml("compare", *words)
    assert (code, out) == (2, "")
    assert text in err
    assert len(err.splitlines()) == 1
