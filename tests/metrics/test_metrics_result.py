"""The result as a dictionary, JSON and a table."""

import json

import numpy as np
import pytest

from dyml.errors import InputError
from dyml.metrics import Result, evaluate

MEASURES = ["mAP", "ASI", "CMC@1", "CMC@5", "mAP@R", "R-precision"]


@pytest.fixture
def result():
    embeddings = np.array([[1.0, 0.0], [0.9, 0.1], [0.7, 0.6], [0.0, 1.0], [0.2, 1.0]])
    labels = np.array([[0, 0], [0, 0], [1, 0], [2, 1], [2, 1]])
    return evaluate(embeddings, labels, scales=("fine", "coarse"), ks=(1, 5))


def test_the_shape_of_the_dictionary(result):
    value = result.to_dict()
    assert list(value) == ["fine", "coarse", "overall", "multi", "protocol"]
    assert list(value["fine"]) == [*MEASURES, "queries", "without relevant"]
    assert list(value["overall"]) == MEASURES
    assert list(value["multi"]) == ["H-AP", "NDCG", "ASI"]
    assert value["overall"]["mAP"] == pytest.approx((value["fine"]["mAP"] + value["coarse"]["mAP"]) / 2)
    assert value["fine"]["queries"] == 4
    assert value["fine"]["without relevant"] == 1


def test_json_and_back(result, tmp_path):
    target = tmp_path / "deep" / "metrics.json"
    result.to_json(target)
    assert json.loads(target.read_text()) == result.to_dict()
    again = Result.from_json(target)
    assert again == result
    assert again.scales == ("fine", "coarse")


def test_a_scale_without_values_is_null_in_json(tmp_path):
    result = evaluate(np.eye(4), [[0, 0], [1, 0], [2, 1], [3, 1]], scales=("fine", "coarse"))
    result.to_json(tmp_path / "r.json")
    assert '"mAP": null' in (tmp_path / "r.json").read_text()
    assert Result.from_json(tmp_path / "r.json") == result


def test_the_table(result):
    lines = result.table().splitlines()
    assert lines[0].split() == ["scale", *MEASURES, "queries", "left", "out"]
    fine = next(line for line in lines if line.startswith("fine")).split()
    assert fine[1] == f"{100 * result.by_scale['fine']['mAP']:.2f}"
    assert fine[-2:] == ["4", "1"]
    overall = next(line for line in lines if line.startswith("overall")).split()
    assert overall[1:] == [f"{100 * result.overall[name]:.2f}" for name in MEASURES]
    assert f"NDCG {100 * result.multi['NDCG']:.2f}" in lines[-2]
    assert lines[-1].split(maxsplit=1) == ["protocol", "leave-one-out"]
    assert str(result) == result.table()


def test_the_table_of_a_scale_without_values():
    result = evaluate(np.eye(4), [[0, 0], [1, 0], [2, 1], [3, 1]], scales=("fine", "coarse"))
    assert "–" in next(line for line in result.table().splitlines() if line.startswith("fine"))


def test_files_that_are_no_results(tmp_path):
    with pytest.raises(InputError, match="no result file"):
        Result.from_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match=r"bad\.json"):
        Result.from_json(tmp_path / "bad.json")
    (tmp_path / "other.json").write_text('{"fine": {"mAP": 1}}')
    with pytest.raises(InputError, match=r"other\.json.*overall"):
        Result.from_json(tmp_path / "other.json")
    (tmp_path / "less.json").write_text('{"fine": {"mAP": 1}, "overall": {"mAP": 1, "ASI": 1}, "multi": {}}')
    with pytest.raises(InputError, match=r"less\.json.*H-AP"):
        Result.from_json(tmp_path / "less.json")
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(InputError, match=r"list\.json"):
        Result.from_json(tmp_path / "list.json")


def test_queries_are_two_columns_only_where_some_are_left_out(result):
    assert "left out" in result.table().splitlines()[0]
    whole = evaluate(np.eye(4), [[0, 0], [0, 0], [1, 1], [1, 1]], scales=("fine", "coarse"))
    assert "left out" not in whole.table()
    assert "queries           4" in whole.table().splitlines()
