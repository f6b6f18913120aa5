"""What is left out of a list: the same id, the same camera; and distractors, against loops."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metrics_brute_force import assert_same, evaluate_by_loops

from dyml.errors import InputError
from dyml.metrics import Result, evaluate
from dyml.metrics.exclusions import LeftOut, leave_one_out, same_keys

KS = (1, 3)


@pytest.mark.parametrize("engine", ["sorting", "counting"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 2**32), st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.integers(1, 20_000)
)
def test_protocols_equal_the_loops(engine, seed, own, by_id, by_camera, distractors, block_bytes):
    rng = np.random.default_rng(seed)
    sizes = int(rng.integers(2, 10)), int(rng.integers(1, 40))
    labels, vectors, ids, cameras = [], [], [], []
    for side, rows in enumerate(sizes):
        fine = rng.integers(0, 8, rows)
        table = np.stack([fine, fine // 2, fine // 4], axis=1)
        if distractors and (own or side == 1):
            for row in table:
                row[: rng.choice([0, 0, 1, 2, 3])] = -1
        labels.append(table)
        vectors.append(rng.integers(-3, 4, (rows, 3)).astype(np.float64))
        ids.append(np.array([f"picture {i:02}" for i in rng.integers(0, 12, rows)]))
        cameras.append(rng.integers(0, 3, rows))
    if own:
        vectors[1] = labels[1] = ids[1] = cameras[1] = None
    elif by_id:
        ids[1][0] = ids[0][0]
    sides = [0, 0 if own else 1]

    def left_out(q, j):
        fine = [labels[side][row, 0] for side, row in zip(sides, (q, j))]
        same_class = fine[0] == fine[1] >= 0
        same_camera = cameras[0][q] == cameras[sides[1]][j]
        return (by_id and ids[0][q] == ids[sides[1]][j]) or (by_camera and same_class and same_camera)

    given_ids = dict(zip(("query_ids", "gallery_ids"), ids)) if by_id else {}
    given_cameras = dict(zip(("query_cameras", "gallery_cameras"), cameras)) if by_camera else {}
    options = {**given_ids, **given_cameras, "engine": engine, "block_bytes": block_bytes}
    options |= {"scales": ("a", "b", "c"), "ks": KS, "similarity": "dot", "distractors": distractors}
    arguments = vectors[0], labels[0], vectors[1], labels[1]
    expected = evaluate_by_loops(*arguments, ("a", "b", "c"), KS, 1.0, "dot", left_out)
    if all(expected[scale]["queries"] == 0 for scale in "abc"):
        with pytest.raises(InputError, match="no query has a relevant item"):
            evaluate(*arguments, **options)
        return
    assert_same(evaluate(*arguments, **options).to_dict(), expected)


def test_queries_that_are_contained_in_the_gallery():
    rng = np.random.default_rng(0)
    gallery, labels = rng.normal(size=(60, 5)), rng.integers(0, 6, (60, 1))
    order = rng.permutation(60)
    by_id = evaluate(
        gallery[order], labels[order], gallery, labels, scales=("a",), query_ids=order, gallery_ids=range(60)
    )
    own = evaluate(gallery, labels, scales=("a",))
    plain = evaluate(gallery[order], labels[order], gallery, labels, scales=("a",))
    assert by_id.by_scale["a"]["CMC@1"] == own.by_scale["a"]["CMC@1"] < plain.by_scale["a"]["CMC@1"] == 1
    assert by_id.by_scale["a"]["mAP"] == pytest.approx(own.by_scale["a"]["mAP"], abs=1e-12)
    assert (by_id.rule, own.rule, plain.rule) == ("by id", "leave-one-out", "query and gallery")


def test_the_rule_is_kept(tmp_path):
    embeddings, labels = np.eye(4), [[0], [0], [0], [1]]
    result = evaluate(
        embeddings, labels, scales=("a",), query_ids=torch.arange(4), query_cameras=[0, 1, 1, 0]
    )
    assert result.rule == "leave-one-out, by id, other cameras"
    result.to_json(tmp_path / "r.json")
    assert Result.from_json(tmp_path / "r.json").rule == result.rule
    assert result.table().endswith(result.rule)


def test_the_pairs_of_a_rule():
    keys = same_keys(np.array([5, 7, 9]), np.array([7, 5, 7, 1]))
    rows, positions = LeftOut("", (keys, leave_one_out(3))).pairs(1, 3)
    assert sorted(zip(rows.tolist(), positions.tolist())) == [(0, 0), (0, 1), (0, 2), (1, 2)]
    assert [len(part) for part in LeftOut().pairs(0, 9)] == [0, 0]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"query_ids": [1, 2]}, "query_ids and gallery_ids come together"),
        ({"gallery_cameras": [1, 2]}, "query_cameras and gallery_cameras come together"),
        ({"query_ids": [1], "gallery_ids": [1, 2]}, r"query_ids must have shape \(2,\).*got \(1,\)"),
        ({"query_ids": [1, 2], "gallery_ids": ["1", "2"]}, "both be text or both be integers"),
        ({"query_ids": [1.0, 2.0], "gallery_ids": [1, 2]}, "query_ids must be integers or text; got float64"),
        ({"query_ids": [1, 2], "gallery_ids": [3, 4]}, "no id of query_ids occurs in gallery_ids"),
    ],
)
def test_ids_and_cameras_that_do_not_fit(options, text):
    with pytest.raises(InputError, match=text):
        evaluate(np.eye(2), [[0], [0]], np.eye(2), [[0], [0]], scales=("a",), **options)


def test_errors_of_leave_one_out_and_of_distractors():
    with pytest.raises(InputError, match="gallery_ids without a gallery"):
        evaluate(np.eye(2), [[0], [0]], scales=("a",), query_ids=[0, 1], gallery_ids=[0, 1])
    with pytest.raises(InputError, match=r"row 1 is \[0, -1\]: of no coarse but of a fine"):
        evaluate(np.eye(2), [[0, 0], [0, -1]], scales=("fine", "coarse"), distractors=True)
    with pytest.raises(InputError, match="query_labels must not be negative"):
        evaluate(np.eye(2), [[0], [-1]], np.eye(2), [[0], [-1]], scales=("a",), distractors=True)
    with pytest.raises(InputError, match="must not be negative; row 0"):
        evaluate(np.eye(2), [[-2], [0]], scales=("a",), distractors=True)
