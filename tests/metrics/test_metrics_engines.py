"""The fast engine against the readable one, and both against the plain order of a stable sort."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.errors import InputError
from dyml.metrics import evaluate, ranks_few, scoring
from dyml.metrics.counting import CountingEngine
from dyml.metrics.exclusions import LeftOut, leave_one_out
from dyml.metrics.measures import Question
from dyml.metrics.ranks import Members, Ranker
from dyml.metrics.sorting import SortingEngine

KINDS = (
    "smooth",
    "whole numbers",
    "all equal",
    "zeros of both signs",
    "a tight cluster and outliers",
    "infinitely small steps",
    "huge",
)


def similarities(rng, kind, rows, columns):
    if kind == "smooth":
        return rng.normal(size=(rows, columns))
    if kind == "whole numbers":
        return rng.integers(-2, 3, (rows, columns)) / 2
    if kind == "all equal":
        return np.full((rows, columns), rng.choice([0.0, -0.0, 0.3, -1.0]))
    if kind == "zeros of both signs":
        return rng.choice([0.0, -0.0, 0.0, -0.0, 1e-45, -1e-45], (rows, columns))
    if kind == "a tight cluster and outliers":
        near = 0.5 + 1e-6 * rng.normal(size=(rows, columns))
        return np.where(rng.random((rows, columns)) < 0.95, near, rng.choice([-1.0, 1.0], (rows, columns)))
    if kind == "infinitely small steps":
        return rng.integers(-3, 4, (rows, columns)) * 1e-45
    return rng.choice([-1e38, -1.0, 0.0, 1e38], (rows, columns))


def ranks_by_sorting(row, members, own):
    order = [j for j in np.argsort(-row, kind="stable") if j not in own]
    wanted = set(members.tolist()) - own
    return [(rank, j) for rank, j in enumerate(order, start=1) if j in wanted]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(KINDS),
    st.sampled_from([np.float32, np.float64]),
    st.integers(1, 400),
    st.floats(0, 1),
)
def test_ranks_equal_those_of_a_stable_sort(seed, kind, dtype, columns, share):
    rng = np.random.default_rng(seed)
    rows = similarities(rng, kind, 3, columns).astype(dtype)
    in_class = rng.random(columns) < share
    # Class 1 holds the rest, class 2 nothing.
    members = np.argsort(~in_class, kind="stable")
    starts = np.array([0, in_class.sum(), columns, columns])
    classes = np.array([0, 1, 2])
    own = [set(rng.choice(columns, size, replace=False).tolist()) for size in (0, 1, columns // 3)]
    marked = rows.copy()
    for row, left_out in zip(marked, own):
        row[list(left_out)] = -np.inf
    ranker = Ranker(Members(members.astype(np.int32), starts), 3)
    ranks, positions, offsets = ranker.find(marked, classes)
    for q in range(3):
        mine = slice(offsets[q], offsets[q + 1])
        relevant = members[starts[classes[q]] : starts[classes[q] + 1]]
        got = list(zip(ranks[mine].tolist(), positions[mine].tolist()))
        assert got == ranks_by_sorting(rows[q], relevant, own[q])


@pytest.mark.parametrize("count", [1, ranks_few.MOST, ranks_few.MOST + 1, 128, 3000])
@pytest.mark.parametrize("kind", KINDS)
def test_ranks_of_few_and_of_many(count, kind):
    rng = np.random.default_rng(count)
    row = similarities(rng, kind, 1, 5000).astype(np.float32)
    members = np.sort(rng.choice(5000, count, replace=False))
    ranker = Ranker(Members(members.astype(np.int32), np.array([0, count])), 1)
    ranks, positions, _ = ranker.find(row.copy(), np.array([0]))
    assert list(zip(ranks.tolist(), positions.tolist())) == ranks_by_sorting(row[0], members, set())


def assert_engines_agree(similarity, query_codes, item_codes, own, alpha=1.0):
    left_out = LeftOut("", (leave_one_out(len(query_codes)),)) if own else LeftOut()
    question = Question(query_codes, item_codes, left_out, (1, 4, 9), alpha)
    with SortingEngine(question) as slow, CountingEngine(question) as fast:
        expected = slow.measure(torch.from_numpy(similarity.copy()), 0)
        got = fast.measure(torch.from_numpy(similarity.copy()), 0)
    np.testing.assert_allclose(got.single, expected.single, atol=1e-12, rtol=0)
    np.testing.assert_allclose(got.multi, expected.multi, atol=1e-12, rtol=0)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(KINDS),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1, 2, 3, 5]),
    st.booleans(),
    st.sampled_from([0.0, 1.0, 2.5]),
)
def test_the_engines_agree(seed, kind, dtype, scales, own, alpha):
    rng = np.random.default_rng(seed)
    items = int(rng.integers(20, 300))
    fine = rng.integers(0, rng.integers(1, 40), items)
    codes = np.stack([fine // 2**m for m in range(scales)], axis=1)
    similarity = similarities(rng, kind, 20, items).astype(dtype)
    assert_engines_agree(similarity, codes[:20], codes, own, alpha)


def test_the_engines_agree_where_float32_has_chance_ties():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, 12, 30_000)] * 2, axis=1) // [1, 4]
    similarity = (rng.normal(size=(6, 30_000)) * 0.1).astype(np.float32)
    assert len(np.unique(similarity[0])) < 30_000
    assert_engines_agree(similarity, codes[:6], codes, False)


def test_small_and_large_evaluations_choose_their_engine(monkeypatch):
    labels = np.repeat(np.arange(10), 2)
    small = Question(labels[:, None], labels[:, None], LeftOut(), (1,), 1.0)
    assert isinstance(scoring.choose_engine("auto", "cpu", small), SortingEngine)
    monkeypatch.setattr(scoring, "WORTH_COMPILING", 400)
    with scoring.choose_engine("auto", "cpu", small) as chosen:
        assert isinstance(chosen, CountingEngine)
    assert isinstance(scoring.choose_engine("auto", "cuda", small), SortingEngine)
    with pytest.raises(InputError, match="counting engine works on the CPU, but the embeddings are on cuda"):
        scoring.choose_engine("counting", "cuda", small)


def test_several_threads_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    embeddings, labels = rng.normal(size=(400, 8)).astype(np.float32), rng.integers(0, 5, 400)
    results = []
    for threads in (1, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append(evaluate(embeddings, labels, scales=("only",), engine="counting").to_dict())
    assert results[0] == results[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_same():
    rng = np.random.default_rng(1)
    embeddings, labels = rng.normal(size=(500, 8)), rng.integers(0, 5, 500)
    here = evaluate(embeddings, labels, scales=("only",)).to_dict()
    there = evaluate(torch.from_numpy(embeddings).cuda(), labels, scales=("only",)).to_dict()
    for name, value in here["only"].items():
        assert there["only"][name] == pytest.approx(value, abs=1e-12)
