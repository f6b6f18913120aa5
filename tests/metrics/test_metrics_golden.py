"""The published measures against expected values from two independent implementations."""

import json

import numpy as np
import pytest
import torch

from dyml.metrics import evaluate

pytestmark = pytest.mark.shared
SCALES = ("fine", "middle", "coarse")


def load(folder, name):
    expected = json.loads((folder / f"{name}.json").read_text())["retrieval_query_vs_gallery"]
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        keys = ("query_embeddings", "query_labels", "gallery_embeddings", "gallery_labels")
        return [arrays[key] for key in keys], expected


@pytest.mark.parametrize("name", ["small", "deep"])
def test_golden_values(golden, name):
    (query, query_labels, gallery, gallery_labels), expected = load(golden, name)
    result = evaluate(
        query.astype(np.float64), query_labels, gallery.astype(np.float64), gallery_labels, scales=SCALES
    ).to_dict()
    for scale in SCALES:
        row, want = result[scale], expected[scale]
        assert row["queries"] == want["n_queries_with_positives"]
        assert row["mAP"] == pytest.approx(want["mAP"], abs=1e-9)
        assert row["mAP@R"] == pytest.approx(want["mAP_at_R"], abs=1e-9)
        assert row["CMC@1"] == pytest.approx(want["P_at_1"], abs=1e-9)
        assert row["R-precision"] == pytest.approx(want["second_implementation"]["r_precision"], abs=1e-9)
        assert row["ASI"] == pytest.approx(want["ASI"], rel=1e-6)
        for k in (1, 5, 10, 20):
            assert row[f"CMC@{k}"] == pytest.approx(want[f"CMC@{k}"], rel=1e-6)
    for ours, theirs in (("H-AP", "H_AP"), ("NDCG", "NDCG_exp_gain"), ("ASI", "ASI_graded")):
        assert result["multi"][ours] == pytest.approx(expected["multi"][theirs], abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_golden_values_in_lower_precision(golden, dtype):
    (query, query_labels, gallery, gallery_labels), expected = load(golden, "deep")
    result = evaluate(
        torch.from_numpy(query).to(dtype),
        query_labels,
        torch.from_numpy(gallery).to(dtype),
        gallery_labels,
        scales=SCALES,
    ).to_dict()
    tolerance = {torch.float32: 1e-6, torch.float16: 1e-3, torch.bfloat16: 5e-3}[dtype]
    for scale in SCALES:
        assert result[scale]["mAP"] == pytest.approx(expected[scale]["mAP"], abs=tolerance)
