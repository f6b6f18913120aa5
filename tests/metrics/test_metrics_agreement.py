"""Agreement with other libraries where definitions coincide, and the differences that the docs name."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from sklearn.metrics import average_precision_score
from torchmetrics.functional import retrieval

from dyml.metrics import evaluate

K = 5
NAMES = (f"precision@{K}", f"share-found@{K}", f"mAP@{K}", "MRR", f"NDCG@{K}")


@pytest.fixture
def case():
    """Queries (the last without a relevant item), gallery, and the cosines of all pairs."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 7, rows) for rows in (20, 80)]
    centres = rng.normal(size=(8, 6))
    vectors = [centres[own] + rng.normal(size=(len(own), 6)) for own in labels]
    labels[0][-1] = 7
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in vectors]
    result = evaluate(
        *(vectors[0], labels[0], vectors[1], labels[1]), scales=("a",), ks=(1, K), measures=NAMES, keep=True
    )
    return vectors, labels, unit[0] @ unit[1].T, result


def test_sklearn_average_precision(case):
    _, labels, cosines, result = case
    for q in range(19):
        expected = average_precision_score(labels[1] == labels[0][q], cosines[q])
        assert result.per_query["a"]["mAP"][q] == pytest.approx(expected, abs=1e-12)


def test_torchmetrics(case):
    _, labels, cosines, result = case
    values = result.per_query["a"]
    for q in range(19):
        # Lifted above 0: torchmetrics counts what scores 0 or less as not relevant in most of its measures.
        scores = torch.from_numpy(cosines[q]) + 2
        target = torch.from_numpy(labels[1] == labels[0][q])
        pairs = {
            "mAP": retrieval.retrieval_average_precision(scores, target),
            "MRR": retrieval.retrieval_reciprocal_rank(scores, target),
            "R-precision": retrieval.retrieval_r_precision(scores, target),
            f"CMC@{K}": retrieval.retrieval_hit_rate(scores, target, top_k=K),
            f"precision@{K}": retrieval.retrieval_precision(scores, target, top_k=K),
            f"share-found@{K}": retrieval.retrieval_recall(scores, target, top_k=K),
        }
        for name, expected in pairs.items():
            assert values[name][q] == pytest.approx(expected.item(), abs=1e-6), name
        gain = retrieval.retrieval_normalized_dcg(scores, target.long(), top_k=K).item()
        assert result.per_query["multi"][f"NDCG@{K}"][q] == pytest.approx(gain, abs=1e-6)
        # Theirs at k is over the relevant items that were found, ours over all that could have been.
        found = target[scores.topk(K).indices].sum().item()
        theirs = retrieval.retrieval_average_precision(scores, target, top_k=K).item()
        assert values[f"mAP@{K}"][q] * min(K, target.sum().item()) == pytest.approx(theirs * found, abs=1e-6)


def test_torchmetrics_drops_what_scores_zero_or_less():
    target = torch.tensor([True, False])
    assert retrieval.retrieval_average_precision(torch.tensor([-0.1, -0.5]), target) == 0
    result = evaluate(np.array([[1.0, 0]]), [0], np.array([[-0.1, 1.0], [-0.5, 1]]), [0, 1], scales=("a",))
    assert result.by_scale["a"]["mAP"] == 1


@pytest.mark.parametrize("own", [False, True])
def test_pytorch_metric_learning(case, own):
    vectors, labels, _, result = case
    calculator = AccuracyCalculator(
        include=(
            "mean_average_precision",
            "mean_average_precision_at_r",
            "r_precision",
            "precision_at_1",
            "mean_reciprocal_rank",
        ),
        device=torch.device("cpu"),
        knn_func=CustomKNN(CosineSimilarity()),
    )
    if own:
        found = calculator.get_accuracy(vectors[1], labels[1])
        result = evaluate(vectors[1], labels[1], scales=("a",), measures=NAMES)
    else:
        found = calculator.get_accuracy(vectors[0], labels[0], vectors[1], labels[1])
    names = {
        "mean_average_precision": "mAP",
        "mean_average_precision_at_r": "mAP@R",
        "r_precision": "R-precision",
        "precision_at_1": "CMC@1",
        "mean_reciprocal_rank": "MRR",
    }
    for theirs, ours in names.items():
        assert result.by_scale["a"][ours] == pytest.approx(found[theirs], abs=1e-6), theirs
