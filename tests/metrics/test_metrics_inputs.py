"""Wrong inputs: each has an error that names the argument and the mend."""

import numpy as np
import pytest
import torch

from dyml.errors import DymlError, InputError, TaxonomyError
from dyml.metrics import evaluate

GOOD = np.eye(4)
LABELS = np.array([[0, 0], [0, 0], [1, 1], [1, 1]])
SCALES = ("fine", "coarse")


def failing(text, *arguments, error=InputError, **options):
    with pytest.raises(error, match=text) as caught:
        evaluate(*arguments, **{"scales": SCALES, **options})
    assert isinstance(caught.value, DymlError)


@pytest.mark.parametrize(
    ("embeddings", "text"),
    [
        (np.ones(4), r"query must be \(N, D\).*shape \(4,\).*embedding\[None\]"),
        (np.ones((4, 2, 2)), r"query must be \(N, D\)"),
        (np.ones((0, 2)), "query is empty"),
        (np.ones((4, 0)), "length 0"),
        (np.ones((4, 2), dtype=np.int64), "query must be float16.*got int64"),
        (np.ones((4, 2), dtype=complex), "got complex128"),
        (torch.ones(4, 2, dtype=torch.bool), "got bool"),
        (np.array([["a", "b"]] * 4), "query must be float16"),
    ],
)
def test_embeddings_of_a_wrong_form(embeddings, text):
    failing(text, embeddings, LABELS)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (LABELS.astype(np.float32), "query_labels must be integers; got float32.*2\\*\\*24"),
        (torch.from_numpy(LABELS).double(), "query_labels must be integers; got float64"),
        (LABELS.astype(bool), "must be integers; got bool"),
        (LABELS[:, 0], r"query_labels must be \(N, 2\), one column for each of fine, coarse"),
        (LABELS[:, :1], r"query_labels must be \(N, 2\)"),
        (LABELS[:3], "query_labels has 3 rows but there are 4 embeddings"),
        (LABELS - 1, r"must not be negative; row 0 is \[-1, -1\].*say distractors=True"),
        (LABELS.astype(np.uint64) + np.uint64(2**63), "must fit int64"),
    ],
)
def test_labels_of_a_wrong_form(labels, text):
    failing(text, GOOD, labels)


def test_gallery_and_its_labels_come_together():
    failing("gallery and gallery_labels come together", GOOD, LABELS, GOOD)
    failing("gallery and gallery_labels come together", GOOD, LABELS, gallery_labels=LABELS)


def test_an_empty_gallery():
    failing("gallery is empty", GOOD, LABELS, np.ones((0, 4)), np.ones((0, 2), dtype=int))


def test_one_embedding_alone():
    failing("leave-one-out needs two embeddings", GOOD[:1], LABELS[:1])


def test_lengths_that_differ():
    failing("length 4 but gallery of length 3", GOOD, LABELS, np.eye(3), LABELS[:3])


def test_gallery_labels_are_named_in_their_errors():
    failing("gallery_labels has 3 rows", GOOD, LABELS, GOOD, LABELS[:3])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_named(bad):
    embeddings = np.ones((40_000, 2), dtype=np.float32)
    embeddings[[7, 20_000, 39_999], 1] = bad
    labels = np.zeros((40_000, 2), dtype=int)
    failing("query has NaN or infinite numbers in rows 7, 20000, 39999", embeddings, labels)
    failing("gallery has NaN or infinite numbers in row 1:", GOOD[:, :2], LABELS, embeddings[6:8], LABELS[:2])


def test_products_that_would_overflow():
    failing("too large numbers in row 1", np.array([[1.0], [1e300]]), LABELS[:2], similarity="dot")


def test_half_precision_that_overflowed_is_found():
    with np.errstate(over="ignore"):
        embeddings = np.array([[1], [2], [1e6]]).astype(np.float16)
    failing("row 2", embeddings, LABELS[:3])


def test_classes_that_do_not_nest():
    labels = LABELS.copy()
    labels[1, 1] = 1
    failing("fine 0 lies in coarse 0 and in coarse 1", GOOD, labels, error=TaxonomyError)
    # Neither side alone shows it.
    failing(
        "fine 0 lies in coarse 0 and in coarse 1",
        GOOD[:1],
        LABELS[:1],
        GOOD[:1],
        labels[1:2],
        error=TaxonomyError,
    )


@pytest.mark.parametrize(
    ("scales", "text"),
    [
        ("fine", "scales must be a list"),
        ((), "one or more distinct names"),
        (("a", "a"), "distinct"),
        (("a", " "), "distinct"),
        (("fine", "multi"), "cannot be named 'multi'"),
        (("overall", "coarse"), "cannot be named 'overall'"),
    ],
)
def test_names_of_scales(scales, text):
    failing(text, GOOD, LABELS, scales=scales)


@pytest.mark.parametrize("ks", [(0,), (1.5,), (-1,), ("1",), (True,)])
def test_wrong_ks(ks):
    failing("ks must be whole numbers", GOOD, LABELS, ks=ks)


def test_ks_are_sorted_and_distinct():
    row = evaluate(GOOD, LABELS, scales=SCALES, ks=[7, 2, 7]).by_scale["fine"]
    assert [name for name in row if name.startswith("CMC")] == ["CMC@2", "CMC@7"]


def test_other_options():
    failing(
        "similarity must be one of cosine, dot, euclidean; got 'cosin'. Did you mean 'cosine'?",
        GOOD,
        LABELS,
        similarity="cosin",
    )
    failing("alpha must be", GOOD, LABELS, alpha=-1)
    failing("alpha must be", GOOD, LABELS, alpha=float("nan"))
    failing("block_bytes must be", GOOD, LABELS, block_bytes=0)
    failing("engine must be one of .* got 'count'. Did you mean 'counting'", GOOD, LABELS, engine="count")


def test_no_query_with_a_relevant_item():
    failing("no query has a relevant item.*numbered alike", GOOD, LABELS, GOOD, LABELS + 5)
