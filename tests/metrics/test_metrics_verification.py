"""Verification from histograms against all pairs in a list, and against sklearn."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score, roc_curve

from dyml.errors import InputError
from dyml.metrics.verification import verify

SCALES = ("fine", "coarse")


def made(rows=90, dtype=np.float32):
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 8, rows)
    vectors = rng.normal(size=(8, 6))[fine] + rng.normal(size=(rows, 6))
    return vectors.astype(dtype), np.stack([fine, fine // 4], 1)


def pairs_of(vectors, labels, scale, left=None, right=None):
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    if left is None:
        left, right = np.triu_indices(len(unit), 1)
    return (unit[left] * unit[right]).sum(1), labels[left, scale] == labels[right, scale]


@pytest.mark.parametrize("block_bytes", [1, 2**20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_are_exact_at_every_threshold(dtype, block_bytes):
    vectors, labels = made(dtype=dtype)
    curves = verify(vectors, labels, scales=SCALES, bins=500, block_bytes=block_bytes)
    for m, scale in enumerate(SCALES):
        curve = curves[scale]
        values, same = pairs_of(vectors, labels, m)
        assert (curve.same, curve.other) == (same.sum(), (~same).sum())
        for i in range(0, len(curve.thresholds), 7):
            above = values >= curve.thresholds[i]
            near = (np.abs(values - curve.thresholds[i]) < 1e-6).sum() if dtype == np.float32 else 0
            assert abs(curve.accepted_same[i] - (above & same).sum()) <= near
            assert abs(curve.accepted_other[i] - (above & ~same).sum()) <= near


def test_it_agrees_with_sklearn():
    vectors, labels = made(dtype=np.float64)
    curves = verify(vectors, labels, scales=SCALES)
    for m, scale in enumerate(SCALES):
        curve = curves[scale]
        values, same = pairs_of(vectors, labels, m)
        false, true, thresholds = roc_curve(same, values, drop_intermediate=False)
        # At our thresholds, sklearn's curve stands where its last threshold at or above ours does.
        place = len(thresholds) - np.searchsorted(thresholds[::-1], curve.thresholds[1:-1], side="left") - 1
        np.testing.assert_allclose(curve.true_accepts[1:-1], true[place], atol=1e-12)
        np.testing.assert_allclose(curve.false_accepts[1:-1], false[place], atol=1e-12)
        assert curve.area() == pytest.approx(roc_auc_score(same, values), abs=1e-4)
        for rate in (0.1, 0.01):
            expected = true[np.searchsorted(false, rate, side="right") - 1]
            assert curve.true_accept_rate(rate) == pytest.approx(expected, abs=2e-3)
        gap = np.abs(false - (1 - true)).argmin()
        assert curve.equal_error_rate() == pytest.approx((false[gap] + 1 - true[gap]) / 2, abs=2e-3)


def test_query_and_gallery_and_ids():
    vectors, labels = made(60)
    left, right = np.meshgrid(np.arange(20), np.arange(60), indexing="ij")
    arguments = vectors[:20], labels[:20], vectors, labels
    ids = {"query_ids": range(20), "gallery_ids": range(60)}
    for options, kept in (({}, left == left), (ids, left != right)):
        curve = verify(*arguments, scales=SCALES, **options)["fine"]
        values, same = pairs_of(vectors, labels, 0, left[kept], right[kept])
        assert (curve.same, curve.other) == (same.sum(), (~same).sum())
        assert curve.area() == pytest.approx(roc_auc_score(same, values), abs=1e-4)


def test_a_clear_case_by_hand():
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    curve = verify(vectors, [0, 0, 1, 2], scales=("a",))["a"]
    assert curve.summary(rates=(0.5, 0.01)) == {
        "EER": 0.0,
        "AUC": 1.0,
        "TAR@FAR=0.5": 1.0,
        "TAR@FAR=0.01": None,
        "same pairs": 1,
        "other pairs": 5,
    }
    assert curve.false_rejects[0] == 1
    assert curve.false_rejects[-1] == 0


def test_one_class_alone_has_no_rates():
    curve = verify(np.eye(3), [0, 0, 0], scales=("a",))["a"]
    assert (curve.equal_error_rate(), curve.area(), curve.true_accept_rate(0.1)) == (None, None, None)
    assert np.isnan(curve.false_accepts).all()


def test_threads_do_not_matter(monkeypatch):
    vectors, labels = made(200)
    one = verify(vectors, labels, scales=SCALES)["fine"]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    four = verify(vectors, labels, scales=SCALES)["fine"]
    np.testing.assert_array_equal(one.accepted_same, four.accepted_same)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bins": 1}, "bins must lie in 2"),
        ({"block_bytes": 0}, "block_bytes must be a number of bytes"),
        ({"gallery": np.eye(3)}, "come together"),
        ({"query_ids": [1]}, r"query_ids must have shape \(3,\)"),
    ],
)
def test_mistakes(options, text):
    with pytest.raises(InputError, match=text):
        verify(np.eye(3), [0, 0, 1], scales=("a",), **options)


def test_rates_that_are_none():
    curve = verify(np.eye(3), [0, 0, 1], scales=("a",))["a"]
    with pytest.raises(InputError, match="false accept rate"):
        curve.true_accept_rate(0)
