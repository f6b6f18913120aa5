"""The whole evaluation against loops in float64, on cases full of ties and odd shapes."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metrics_brute_force import assert_same, evaluate_by_loops

from dyml.errors import InputError
from dyml.metrics import evaluate, lanes

KS = (1, 3, 7)


def nested_labels(rng, rows, scales, classes):
    """Draw a label table whose every class lies in one class of the next scale."""
    columns = [rng.integers(0, classes, rows)]
    for _ in range(scales - 1):
        columns.append(columns[-1] // 2)
    return np.stack(columns, axis=1)


@st.composite
def cases(draw):
    """Embeddings of small whole numbers (many ties, negative products, zero vectors) and nested labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    scales = draw(st.sampled_from([1, 2, 3, 5]))
    queries, items = draw(st.integers(2, 12)), draw(st.integers(1, 40))
    dim, classes = draw(st.integers(1, 4)), draw(st.integers(1, 24))
    largest = draw(st.sampled_from([1, 2, 50]))

    def numbers(rows):
        return rng.integers(-largest, largest + 1, (rows, dim)).astype(np.float64)

    return (
        numbers(queries),
        nested_labels(rng, queries, scales, classes),
        numbers(items),
        nested_labels(rng, items, scales, classes),
        tuple("abcde"[:scales]),
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("engine", ["sorting", "counting"])
@given(cases(), st.booleans(), st.sampled_from([0.5, 1.0, 2.0]), st.integers(1, 100_000))
def test_evaluation_equals_the_loops(engine, case, own, alpha, block_bytes):
    query, query_labels, gallery, gallery_labels, scales = case
    if own:
        gallery = gallery_labels = None
    # Products of small whole numbers are exact, so that equal similarities are equal in both.
    expected = evaluate_by_loops(query, query_labels, gallery, gallery_labels, scales, KS, alpha, "dot")
    options = {"scales": scales, "ks": KS, "alpha": alpha, "block_bytes": block_bytes, "similarity": "dot"}
    options["engine"] = engine
    if all(expected[scale]["queries"] == 0 for scale in scales):
        with pytest.raises(InputError, match="no query has a relevant item"):
            evaluate(query, query_labels, gallery, gallery_labels, **options)
        return
    assert_same(evaluate(query, query_labels, gallery, gallery_labels, **options).to_dict(), expected)


@pytest.mark.parametrize("engine", ["sorting", "counting"])
@pytest.mark.parametrize("own", [False, True])
def test_cosine_evaluation_equals_the_loops(own, engine):
    rng = np.random.default_rng(5)
    query, gallery = rng.normal(size=(20, 6)), rng.normal(size=(50, 6)) * 1e3
    labels, item_labels = nested_labels(rng, 20, 3, 12), nested_labels(rng, 50, 3, 12)
    other = (None, None) if own else (gallery, item_labels)
    expected = evaluate_by_loops(query, labels, *other, ("f", "m", "c"), KS, 1.0)
    got = evaluate(query, labels, *other, scales=("f", "m", "c"), ks=KS, engine=engine)
    assert_same(got.to_dict(), expected)


def test_equal_similarities_rank_in_gallery_order():
    query, gallery = np.ones((1, 8), dtype=np.float32), np.ones((501, 8), dtype=np.float32)
    labels = np.ones((501, 1), dtype=np.int64)
    labels[37] = 0
    result = evaluate(query, [[0]], gallery, labels, scales=("only",))
    assert result.by_scale["only"]["mAP"] == pytest.approx(1 / 38)


@pytest.mark.parametrize("dim", [3, 64, 129])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("queries", [1, 33])
@pytest.mark.parametrize("engine", ["sorting", "counting"])
def test_copies_of_a_vector_tie_wherever_they_stand(dim, dtype, queries, engine):
    rng = np.random.default_rng(dim)
    gallery = np.repeat(rng.normal(size=(1, dim)), 1003, axis=0).astype(dtype)
    labels = np.arange(1, 1004)
    labels[777] = 0
    query = rng.normal(size=(queries, dim)).astype(dtype)
    for block_bytes in (1, 200_000, 2**28):
        options = {"scales": ("only",), "block_bytes": block_bytes, "keep": True, "engine": engine}
        result = evaluate(query, np.zeros(queries, int), gallery, labels, **options)
        np.testing.assert_allclose(result.per_query["only"]["mAP"], 1 / 778)


def test_a_zero_vector_ties_with_everything():
    gallery = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    result = evaluate(np.zeros((1, 2)), [[0]], gallery, [[1], [1], [0]], scales=("only",))
    assert result.by_scale["only"]["mAP"] == pytest.approx(1 / 3)


def test_negative_similarities_count():
    gallery = -np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.5]])
    result = evaluate(np.array([[1.0, 0.0]]), [[0]], gallery, [[0], [0], [1]], scales=("only",))
    # The item farthest round the circle from −query comes first.
    assert result.by_scale["only"]["mAP"] == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_sizes_alike_do_not_mean_leave_one_out():
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(30, 5))
    labels = nested_labels(rng, 30, 2, 6)
    against_itself = evaluate(embeddings, labels, embeddings, labels, scales=("f", "c"))
    left_out = evaluate(embeddings, labels, scales=("f", "c"))
    assert against_itself.by_scale["f"]["CMC@1"] == 1
    assert left_out.by_scale["f"]["CMC@1"] < 1


def test_leave_one_out_keeps_a_copy_of_the_query():
    embeddings = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    result = evaluate(embeddings, [[0], [0], [1]], scales=("only",))
    assert result.by_scale["only"]["CMC@1"] == 1
    assert result.by_scale["only"]["queries"] == 2
    assert result.by_scale["only"]["without relevant"] == 1


@pytest.mark.parametrize("own", [False, True])
def test_the_result_does_not_depend_on_the_block_size(own):
    rng = np.random.default_rng(9)
    embeddings, labels = rng.normal(size=(300, 16)).astype(np.float32), nested_labels(rng, 300, 3, 40)
    other = (None, None) if own else (embeddings[::2].copy(), labels[::2])
    results = [
        evaluate(embeddings, labels, *other, scales=("f", "m", "c"), block_bytes=size).to_dict()
        for size in (1, 10_000, 1_000_000, 2**30)
    ]
    for result in results[1:]:
        assert_same(result, results[0], tolerance=1e-13)


def test_one_gallery_item():
    result = evaluate(np.ones((3, 2)), [[0], [1], [0]], np.ones((1, 2)), [[0]], scales=("only",))
    row = result.by_scale["only"]
    assert (row["mAP"], row["CMC@20"], row["queries"], row["without relevant"]) == (1, 1, 2, 1)


def test_a_scale_without_relevant_items_is_none_and_left_out_of_overall():
    embeddings = np.eye(4)
    labels = np.array([[0, 0], [1, 0], [2, 1], [3, 1]])
    result = evaluate(embeddings, labels, scales=("fine", "coarse"))
    assert result.by_scale["fine"]["mAP"] is None
    assert result.by_scale["fine"]["queries"] == 0
    assert result.by_scale["fine"]["without relevant"] == 4
    assert result.overall["mAP"] == result.by_scale["coarse"]["mAP"]


def test_labels_beyond_2_to_the_40_stay_apart():
    big = 2**53
    embeddings = np.array([[1.0, 0.0], [1.0, 0.01], [1.0, 0.02]])
    result = evaluate(embeddings, [[big], [big + 1], [big]], scales=("only",))
    assert result.by_scale["only"]["queries"] == 2
    assert result.by_scale["only"]["CMC@1"] == 0


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64", "int8"])
def test_every_dtype_in_numpy_and_torch(kind):
    rng = np.random.default_rng(2)
    numbers = rng.integers(-9, 10, (40, 8))
    labels = nested_labels(rng, 40, 2, 6)
    expected = evaluate(numbers.astype(np.float64), labels, scales=("f", "c")).to_dict()
    tensor = torch.from_numpy(numbers).to(getattr(torch, kind))
    assert_same(evaluate(tensor, torch.from_numpy(labels), scales=("f", "c")).to_dict(), expected, 1e-2)
    if kind != "bfloat16":
        assert_same(evaluate(numbers.astype(kind), labels, scales=("f", "c")).to_dict(), expected, 1e-2)


def test_odd_memory_layouts(tmp_path):
    rng = np.random.default_rng(4)
    embeddings, labels = rng.normal(size=(60, 6)).astype(np.float32), nested_labels(rng, 60, 2, 8)
    expected = evaluate(embeddings, labels, scales=("f", "c")).to_dict()
    wide = np.zeros((120, 12), dtype=np.float32)
    wide[::2, ::2] = embeddings
    np.save(tmp_path / "e.npy", embeddings)
    frozen = embeddings.copy()
    frozen.flags.writeable = False
    forms = [
        np.asfortranarray(embeddings),
        wide[::2, ::2],
        embeddings[::-1][::-1],
        np.load(tmp_path / "e.npy", mmap_mode="r"),
        embeddings.astype(">f4"),
        frozen,
        torch.from_numpy(embeddings.T.copy()).T,
        torch.from_numpy(embeddings.copy()).requires_grad_(),
    ]
    for form in forms:
        assert_same(evaluate(form, np.asfortranarray(labels), scales=("f", "c")).to_dict(), expected)


@pytest.mark.parametrize("exponent", [-149, -100, 100, 121])
def test_length_of_a_vector_does_not_matter_for_cosine(exponent):
    rng = np.random.default_rng(6)
    numbers, labels = rng.integers(-50, 51, (40, 8)), nested_labels(rng, 40, 2, 6)
    expected = evaluate(numbers.astype(np.float32), labels, scales=("f", "c")).to_dict()
    scaled = np.ldexp(numbers.astype(np.float64), exponent).astype(np.float32)
    assert_same(evaluate(scaled, labels, scales=("f", "c")).to_dict(), expected)


def test_values_of_every_query_are_kept_on_request():
    rng = np.random.default_rng(8)
    embeddings, labels = rng.normal(size=(50, 6)), nested_labels(rng, 50, 2, 20)
    assert evaluate(embeddings, labels, scales=("f", "c")).per_query is None
    result = evaluate(embeddings, labels, scales=("f", "c"), keep=True)
    assert set(result.per_query) == {"f", "c", "multi"}
    values = result.per_query["f"]["mAP"]
    assert values.shape == (50,)
    assert np.isnan(values).sum() == result.by_scale["f"]["without relevant"] > 0
    assert np.nanmean(values) == pytest.approx(result.by_scale["f"]["mAP"])
    assert np.nanmean(result.per_query["multi"]["H-AP"]) == pytest.approx(result.multi["H-AP"])


def test_inputs_are_left_as_they_were():
    rng = np.random.default_rng(7)
    embeddings, labels = rng.normal(size=(20, 4)), nested_labels(rng, 20, 2, 6)
    before = embeddings.copy(), labels.copy()
    evaluate(embeddings, labels, scales=("f", "c"))
    assert np.array_equal(embeddings, before[0])
    assert np.array_equal(labels, before[1])


def test_the_progress_bar_stays_away_from_what_is_no_terminal(capsys):
    evaluate(np.eye(4), [[0], [0], [1], [1]], scales=("only",), progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("engine", ["sorting", "counting"])
@given(cases(), st.booleans(), st.integers(1, 100_000))
def test_euclidean_evaluation_equals_the_loops(engine, case, own, block_bytes):
    query, query_labels, gallery, gallery_labels, scales = case
    # The order of distances is that of q·g − |g|²/2, a product with one more number; whole ones are exact.
    items = query if own else gallery
    lifted = np.concatenate([items, -np.square(items).sum(1, keepdims=True) / 2], axis=1)
    asking = np.concatenate([query, np.ones((len(query), 1))], axis=1)
    options = {"scales": scales, "ks": KS, "engine": engine, "block_bytes": block_bytes}

    def same_row(q, j):
        return own and q == j

    labels = query_labels if own else gallery_labels
    expected = evaluate_by_loops(asking, query_labels, lifted, labels, scales, KS, 1.0, "dot", same_row)
    other = (None, None) if own else (gallery, gallery_labels)
    if all(expected[scale]["queries"] == 0 for scale in scales):
        with pytest.raises(InputError, match="no query has a relevant item"):
            evaluate(query, query_labels, *other, similarity="euclidean", **options)
        return
    for kind in (np.float64, np.float32, np.int8):
        there = tuple(None if part is None else part.astype(kind) for part in (query, other[0]))
        got = evaluate(there[0], query_labels, there[1], other[1], similarity="euclidean", **options)
        assert_same(got.to_dict(), expected)


def test_the_nearest_comes_first_far_from_the_origin():
    # Differences of squares near 10¹⁰: float32 would not tell these apart.
    gallery = np.array([[1e5], [1e5 + 1], [1e5 + 4]], dtype=np.float32)
    result = evaluate(
        np.array([[1e5 + 3]], dtype=np.float32),
        [[0]],
        gallery,
        [[1], [1], [0]],
        scales=("a",),
        similarity="euclidean",
    )
    assert result.by_scale["a"]["mAP"] == 1


def test_threads_with_blocks_of_their_own_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    embeddings, labels = rng.normal(size=(700, 8)), nested_labels(rng, 700, 2, 90)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        monkeypatch.setattr(lanes, "WORTH_A_LANE", 64)
        options = {"scales": ("f", "c"), "engine": "counting", "keep": True, "block_bytes": 2**24}
        results.append(evaluate(embeddings, labels, **options))
    assert lanes.make_plan(700, 2**20 // (8 * 700), 3) == (1, 187)
    assert lanes.make_plan(700, 1000, 3) == (3, 234)
    assert_same(results[0].to_dict(), results[1].to_dict(), tolerance=1e-13)
    for name, values in results[0].per_query["f"].items():
        np.testing.assert_allclose(results[1].per_query["f"][name], values, atol=1e-13)
