"""Batches of K pictures a class: their make-up, evenness, determinism, ranks and errors."""

from functools import partial
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dyml.data.batch_plan import class_quotas, plan_batches
from dyml.data.samplers import Draw, MPerClassSampler, SeededBatches, ThreePartSampler, checked_visits
from dyml.errors import InputError


def tree_labels(fine: int = 24, pictures: int = 5) -> np.ndarray:
    """Labels (N, 3): 24 fine classes in 6 middle in 2 coarse classes, shuffled."""
    column = np.random.default_rng(1).permutation(np.repeat(np.arange(fine), pictures))
    return np.stack([column, column // 4, column // 12], axis=1)


@st.composite
def plans(draw: st.DrawFn) -> dict:
    counts = draw(st.lists(st.integers(1, 30), min_size=1, max_size=12))
    return {
        "labels": np.random.default_rng(draw(st.integers(0, 9))).permutation(
            np.repeat(np.arange(len(counts)), counts)
        ),
        "per_class": draw(st.integers(1, 6)),
        "visits": draw(st.integers(1, len(counts))),
        "batches": draw(st.integers(1, 20)),
        "rng": np.random.default_rng(draw(st.integers(0, 99))),
    }


@given(plans())
@settings(max_examples=200, deadline=None)
def test_a_batch_has_k_pictures_of_distinct_classes(plan: dict) -> None:
    batches = plan_batches(**plan)
    visits, k = plan["visits"], plan["per_class"]
    assert batches.shape == (plan["batches"], visits * k)
    classes = plan["labels"][batches].reshape(plan["batches"], visits, k)
    assert (classes == classes[:, :, :1]).all()
    for row in classes[:, :, 0]:
        assert len(set(row)) == visits


@given(plans())
@settings(max_examples=200, deadline=None)
def test_pictures_of_a_class_are_visited_evenly(plan: dict) -> None:
    seen = np.bincount(plan_batches(**plan).ravel(), minlength=len(plan["labels"]))
    for c in np.unique(plan["labels"]):
        of_class = seen[plan["labels"] == c]
        assert of_class.max() - of_class.min() <= 1


@given(plans())
@settings(max_examples=100, deadline=None)
def test_a_visit_repeats_a_picture_only_where_the_class_is_too_small(plan: dict) -> None:
    k, counts = plan["per_class"], np.bincount(plan["labels"])
    for batch in plan_batches(**plan):
        for visit in batch.reshape(-1, k):
            assert len(set(visit)) == min(k, counts[plan["labels"][visit[0]]])


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=40),
    st.integers(1, 50),
    st.data(),
    st.integers(0, 99),
)
@settings(max_examples=200, deadline=None)
def test_quotas_add_up_and_keep_the_limit(
    counts: list[int], most: int, data: st.DataObject, seed: int
) -> None:
    total = data.draw(st.integers(0, most * len(counts)))
    quotas = class_quotas(np.array(counts), total, most, np.random.default_rng(seed))
    assert quotas.sum() == total
    assert quotas.min() >= 0
    assert quotas.max() <= most


def test_quotas_are_in_proportion_where_no_limit_bites() -> None:
    counts = np.array([1, 10, 100, 89])
    for seed in range(20):
        quotas = class_quotas(counts, 50, 50, np.random.default_rng(seed))
        assert (np.abs(quotas - counts / 4) < 1).all()


def test_quotas_have_their_exact_share_on_average() -> None:
    counts = np.array([1, 2, 3, 4, 90])
    rng = np.random.default_rng(0)
    mean = np.mean([class_quotas(counts, 25, 25, rng) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, counts / 4, atol=0.04)


def test_an_epoch_shows_every_picture_once_where_sizes_divide() -> None:
    labels = np.repeat(np.arange(16), 8)
    seen = np.concatenate(list(MPerClassSampler(labels, 32, per_class=4)))
    assert sorted(seen) == list(range(128))


def test_one_huge_class_does_not_crowd_out_the_others() -> None:
    labels = np.repeat([0, 1, 2, 3], [10_000, 8, 8, 8])
    sampler = MPerClassSampler(labels, 8, per_class=4, batches=20)
    classes = labels[np.array(list(sampler))].reshape(20, 2, 4)[:, :, 0]
    assert (np.sort(classes)[:, 0] == 0).all()
    assert set(classes.ravel()) == {0, 1, 2, 3}


def test_the_plan_follows_seed_and_epoch_alone() -> None:
    labels = tree_labels()[:, 0]
    first, again = MPerClassSampler(labels, 32, seed=3), MPerClassSampler(labels, 32, seed=3)
    assert list(first) == list(first) == list(again)
    first.set_epoch(1)
    assert list(first) != list(again)
    again.set_epoch(1)
    assert list(first) == list(again)
    assert list(MPerClassSampler(labels, 32, seed=4)) != list(MPerClassSampler(labels, 32, seed=3))


def test_length_is_one_visit_a_picture_unless_given() -> None:
    labels = tree_labels()[:, 0]  # 120 pictures
    assert len(MPerClassSampler(labels, 32)) == len(list(MPerClassSampler(labels, 32))) == 4
    assert len(list(MPerClassSampler(labels, 32, batches=9))) == 9


def test_labels_need_not_be_dense() -> None:
    labels = np.array([7, 7, 1000, 1000, 2**40, 2**40])
    batch = next(iter(MPerClassSampler(labels, 6, per_class=2)))
    assert sorted(batch) == [0, 1, 2, 3, 4, 5]


def test_start_batch_skips_and_another_epoch_resets_it() -> None:
    sampler = MPerClassSampler(tree_labels()[:, 0], 24)
    whole = list(sampler)
    sampler.start_batch = 3
    assert list(sampler) == whole[3:]
    sampler.set_epoch(0)
    assert sampler.start_batch == 3
    sampler.set_epoch(1)
    assert sampler.start_batch == 0
    assert len(list(sampler)) == len(sampler) == 5


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_ranks_share_out_the_same_global_batches(world_size: int) -> None:
    labels = tree_labels()[:, 0]
    ranks = [
        MPerClassSampler(labels, 24, per_class=2, rank=r, world_size=world_size) for r in range(world_size)
    ]
    for batch, *shares in zip(MPerClassSampler(labels, 24, per_class=2), *ranks, strict=True):
        assert batch == list(chain.from_iterable(shares))
        assert {len(share) for share in shares} == {24 // world_size}


def test_ranks_share_out_the_same_global_batches_in_parts() -> None:
    labels = tree_labels()
    make = partial(ThreePartSampler, labels, 36, per_class=(2, 2, 6))
    for batch, *shares in zip(make(), make(rank=0, world_size=2), make(rank=1, world_size=2), strict=True):
        assert sorted(batch) == sorted(chain.from_iterable(shares))
        assert [len(share) for share in shares] == [18, 18]


def test_ranks_split_batches_by_class() -> None:
    labels = tree_labels()[:, 0]
    ranks = [MPerClassSampler(labels, 32, rank=r, world_size=4) for r in range(4)]
    for shares in zip(*ranks, strict=True):
        classes = [set(labels[share]) for share in shares]
        assert all(len(c) == 2 for c in classes)
        assert len(set().union(*classes)) == 8


def test_three_parts_hold_k_pictures_a_class_at_their_scale() -> None:
    labels = tree_labels()
    sampler = ThreePartSampler(labels, 48, per_class=(4, 4, 8))
    assert sampler.parts == (slice(0, 16), slice(16, 32), slice(32, 48))
    for batch in sampler:
        for m, (part, k) in enumerate(zip(sampler.parts, sampler.per_class)):
            classes = labels[batch[part], m].reshape(-1, k)
            assert (classes == classes[:, :1]).all()
            assert len(set(classes[:, 0])) == len(classes)


def test_pictures_of_a_coarser_class_come_from_different_fine_classes() -> None:
    labels = tree_labels()  # 4 fine classes in a middle one, 12 in a coarse one
    sampler = ThreePartSampler(labels, 48, per_class=(4, 4, 8), batches=50)
    for batch in sampler:
        for m, part in list(enumerate(sampler.parts))[1:]:
            fine = labels[batch[part], 0].reshape(-1, sampler.per_class[m])
            assert all(len(set(visit)) == len(visit) for visit in fine)


def test_three_parts_on_ranks_stay_parts() -> None:
    labels = tree_labels()
    sampler = ThreePartSampler(labels, 48, per_class=(4, 4, 8), rank=1, world_size=2)
    assert sampler.parts == (slice(0, 8), slice(8, 16), slice(16, 24))
    for batch in sampler:
        assert len(batch) == 24
        assert len(set(labels[batch[sampler.parts[2]], 2])) == 1


def test_three_parts_visit_pictures_evenly() -> None:
    labels = tree_labels(pictures=6)
    sampler = ThreePartSampler(labels, 48, per_class=(4, 4, 8), batches=300)
    plan = sampler.plan()
    for part in sampler.parts:
        seen = np.bincount(plan[:, part].ravel(), minlength=len(labels))
        assert seen.max() - seen.min() <= 4
        assert seen.sum() == 300 * 16


def test_seeds_are_distinct_and_survive_a_resumed_epoch() -> None:
    labels = tree_labels()[:, 0]
    whole = list(SeededBatches(MPerClassSampler(labels, 24), seed=5))
    assert all(isinstance(draw, Draw) for batch in whole for draw in batch)
    assert len({draw.seed for batch in whole for draw in batch}) == 120
    assert [[draw.index for draw in batch] for batch in whole] == list(MPerClassSampler(labels, 24))
    resumed = MPerClassSampler(labels, 24)
    resumed.start_batch = 2
    assert list(SeededBatches(resumed, seed=5)) == whole[2:]
    assert list(SeededBatches(MPerClassSampler(labels, 24), seed=6)) != whole


def test_seeds_differ_by_epoch_and_rank() -> None:
    labels = tree_labels()[:, 0]
    batches = SeededBatches(MPerClassSampler(labels, 24, world_size=2))
    other_rank = SeededBatches(MPerClassSampler(labels, 24, rank=1, world_size=2))
    seeds = {draw.seed for batch in batches for draw in batch}
    assert not seeds & {draw.seed for batch in other_rank for draw in batch}
    batches.set_epoch(1)
    assert batches.sampler.epoch == 1
    assert not seeds & {draw.seed for batch in batches for draw in batch}
    assert len(batches) == 5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda y: MPerClassSampler(y[:, 0], 30),
            "has 30 pictures, which is not a multiple of per_class 4. Give it 28 or 32",
        ),
        (lambda y: MPerClassSampler(y[:, 0], 2), "Give it 4."),
        (lambda y: MPerClassSampler(y[:, 0], 32, world_size=3), "4 × 3 ranks. Give it 24 or 36"),
        (
            lambda y: MPerClassSampler(y[:, 1], 32, per_class=4),
            "needs 8 classes, but there are 6. Give it 24 pictures or per_class 8",
        ),
        (
            lambda y: MPerClassSampler(y[:, 2], 12, per_class=4, world_size=3),
            "Give it per_class|Use fewer ranks",
        ),
        (lambda y: MPerClassSampler(y[:, 0], 0), "must be 1 or more"),
        (lambda y: MPerClassSampler(y[:, 0], 32, per_class=0), "must be 1 or more"),
        (lambda y: MPerClassSampler(y, 32), r"labels must be \(N,\) integers"),
        (lambda y: MPerClassSampler(y[:0, 0], 32), "not empty"),
        (lambda y: MPerClassSampler(y[:, 0] * 1.0, 32), "got float64"),
        (lambda y: MPerClassSampler(y[:, 0], 32, batches=0), "batches must be 1 or more"),
        (lambda y: MPerClassSampler(y[:, 0], 32, seed=-1), "seed must be 0 or more"),
        (lambda y: MPerClassSampler(y[:, 0], 32, rank=2, world_size=2), "got rank 2 of 2"),
        (lambda y: ThreePartSampler(y[:, 0], 48), r"labels must be \(N, L\) integers"),
        (lambda y: ThreePartSampler(y, 32), "divide into 3 equal parts, one a scale; got 32. Use 30"),
        (lambda y: ThreePartSampler(y, 48, per_class=(4, 4)), r"or 3 \(one a scale\)"),
        (
            lambda y: ThreePartSampler(y, 48),
            "the part of scale 2 .* needs 4 classes, but there are 2. Give it 8 pictures or per_class 8",
        ),
    ],
)
def test_what_cannot_work_says_what_would(make, text: str) -> None:
    with pytest.raises(InputError, match=text):
        make(tree_labels())


@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 40), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_the_mend_of_an_error_does_work(pictures: int, per_class: int, classes: int, world_size: int) -> None:
    labels = np.arange(classes)
    try:
        checked_visits(labels, pictures, per_class, world_size)
    except InputError as error:
        words = str(error).split("Give it ")[-1].rstrip(".").split(" or ")
        for word in words:
            if "not a multiple" in str(error):
                assert int(word) % (per_class * world_size) == 0
            elif word.startswith("per_class"):
                checked_visits(labels, pictures, int(word.split()[1]), world_size)
            elif word.endswith("pictures"):
                checked_visits(labels, int(word.split()[0]), per_class, world_size)
