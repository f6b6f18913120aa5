"""The fast form, the reference form and plain loops agree, whatever the tree, the batch and the settings."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from cross_scale_naive import naive_terms
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from dyml.losses import _bands, cross_scale_loss, cross_scale_terms, cross_scale_terms_reference
from random_trees import lineages

Terms = Callable[..., Tensor]
streamed_terms = functools.partial(cross_scale_terms, recompute=True)


@dataclasses.dataclass
class Case:
    """A batch, proxies and a tree in float64."""

    x: Tensor
    own: Tensor
    w: Tensor
    lineage: Tensor
    margins: tuple[float, ...]
    scale: float

    def run(self, terms: Terms, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
        """Return the terms and both gradients of the summed loss, mean over the batch."""
        x = self.x.to(dtype).requires_grad_()
        w = self.w.to(dtype).requires_grad_()
        value = terms(x, self.own, w, self.lineage, self.margins, self.scale)
        grad_x, grad_w = torch.autograd.grad(value.sum(0).mean(), (x, w))
        return value.detach(), grad_x, grad_w


def case(
    lineage: object, batch: int = 4, dim: int = 6, scale: float = 32.0, margin: float = 0.25, seed: int = 0
) -> Case:
    generator = torch.Generator().manual_seed(seed)
    table = torch.as_tensor(lineage)
    return Case(
        x=normalize(torch.randn(batch, dim, generator=generator, dtype=torch.float64), dim=1),
        own=torch.randint(len(table), (batch,), generator=generator),
        w=normalize(torch.randn(len(table), dim, generator=generator, dtype=torch.float64), dim=1)
        * torch.empty(len(table), 1, dtype=torch.float64).uniform_(0.2, 5, generator=generator),
        lineage=table,
        margins=tuple(margin + 0.1 * m for m in range(table.shape[1])),
        scale=scale,
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random trees and batches; some batches are of one picture, of equal pictures, or lie on proxies."""
    made = case(
        draw(lineages()),
        batch=draw(st.integers(1, 6)),
        dim=draw(st.integers(1, 5)),
        scale=draw(st.sampled_from([0.1, 1.0, 16.0, 32.0, 64.0, 1000.0])),
        seed=draw(st.integers(0, 2**32)),
    )
    made.margins = tuple(draw(st.floats(-1, 5)) for _ in made.margins)
    shape = draw(st.sampled_from(["random", "equal", "on own proxy", "on another proxy", "opposite"]))
    if shape == "equal":
        made.x = made.x[:1].expand_as(made.x).clone()
    elif shape == "on own proxy":
        made.x = normalize(made.w, dim=1)[made.own]
    elif shape == "on another proxy":
        made.x = normalize(made.w, dim=1)[made.own - 1]
    elif shape == "opposite":
        made.x = -normalize(made.w, dim=1)[made.own]
    return made


def _about(name: str) -> Callable[[str], str]:
    return lambda text: f"{name}: {text}"


def assert_equal_forms(made: Case, tolerance: float = 1e-9) -> None:
    reference = made.run(cross_scale_terms_reference)
    for terms in (cross_scale_terms, streamed_terms):
        for name, a, b in zip(("terms", "gradient of x", "gradient of w"), made.run(terms), reference):
            assert a.isfinite().all(), name
            torch.testing.assert_close(
                a, b, rtol=tolerance, atol=tolerance * max(1, made.scale), msg=_about(name)
            )


@settings(max_examples=150, deadline=None)
@given(cases())
def test_fast_equals_reference(made: Case) -> None:
    assert_equal_forms(made)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_both_equal_plain_loops(made: Case) -> None:
    expected = naive_terms(
        made.x.numpy(), made.own.numpy(), made.w.numpy(), made.lineage.numpy(), made.margins, made.scale
    )
    for terms in (cross_scale_terms, cross_scale_terms_reference):
        np.testing.assert_allclose(made.run(terms)[0].numpy(), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(cases())
def test_float32_is_finite_and_close(made: Case) -> None:
    exact = made.run(cross_scale_terms_reference)
    for terms in (cross_scale_terms, streamed_terms):
        for a, b in zip(made.run(terms, torch.float32), exact):
            assert a.dtype == torch.float32
            assert a.isfinite().all()
            # A similarity is good to some 1e-7, an exponent to `scale` times that.
            slack = 2e-6 * max(1.0, made.scale)
            torch.testing.assert_close(a.double(), b, rtol=slack, atol=slack * max(1.0, made.scale))


TREES = {
    "one scale": [[0], [1], [2]],
    "one scale, one class": [[0]],
    "three scales, one class": [[0, 0, 0]],
    "one coarse class": [[0, 3], [1, 5], [2, 3]],
    "one coarsest class": [[0, 1, 0], [1, 0, 0], [2, 1, 0]],
    "all classes alone": [[0, 2, 1], [1, 0, 2], [2, 1, 0]],
    "a middle class with one fine class": [[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 1]],
    "ids in no order": [[0, 2**40, 7], [1, 3, 2], [2, 2**40, 7], [3, 0, 7], [4, 3, 2]],
    "five scales": [[0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [2, 1, 0, 0, 0], [3, 2, 1, 0, 0], [4, 3, 2, 1, 0]],
}


@pytest.mark.parametrize("scale", [0.1, 32.0, 1000.0])
@pytest.mark.parametrize("lineage", TREES.values(), ids=TREES.keys())
def test_odd_trees(lineage: list[list[int]], scale: float) -> None:
    made = case(lineage, batch=2 * len(lineage), scale=scale)
    made.own = torch.arange(len(lineage)).repeat(2)
    assert_equal_forms(made)


def test_where_there_are_no_negatives_the_term_and_its_gradients_are_zero() -> None:
    for terms in (cross_scale_terms, cross_scale_terms_reference):
        for value in case([[0, 0, 0]]).run(terms):
            assert (value == 0).all()
        value = case([[0, 1, 4], [1, 0, 4], [2, 1, 4]]).run(terms)[0]
        assert (value[2] == 0).all()
        assert (value[:2] > 0).all()


def test_far_bands_do_not_vanish_beside_near_ones() -> None:
    # The one negative of the coarse scale is e^-1900 of the fine scale's: a difference of sums would lose it.
    made = case([[0, 0], [1, 0], [2, 1]], batch=1, dim=2, scale=1000.0)
    made.own = torch.tensor([0])
    made.x = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    made.w = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-0.9, (1 - 0.81) ** 0.5]], dtype=torch.float64)
    made.margins = (0.0, 0.9)
    assert_equal_forms(made)
    value = made.run(cross_scale_terms)[0]
    torch.testing.assert_close(value[:, 0], torch.tensor([1000.0, np.log(2)], dtype=torch.float64))
    _, grad_x, _ = made.run(cross_scale_terms)
    assert grad_x.abs().max() > 100


def test_many_rows_are_worked_on_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    fine = torch.arange(333)
    made = case(torch.stack([fine, fine % 50, fine % 10], dim=1), batch=5)
    whole = made.run(cross_scale_terms)
    monkeypatch.setattr(_bands, "CHUNK_NUMBERS", 1)
    assert len(list(_bands._row_chunks(333, torch.empty(1, 5)))) > 1
    assert_equal_forms(made)
    for terms in (cross_scale_terms, streamed_terms):
        for a, b in zip(made.run(terms), whole):
            torch.testing.assert_close(a, b)


@settings(max_examples=60, deadline=None)
@given(cases(), st.integers(1, 5))
def test_streaming_in_the_smallest_chunks(made: Case, rows: int) -> None:
    expected = made.run(cross_scale_terms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            _bands,
            "_row_chunks",
            lambda n, like: [slice(i, min(n, i + rows)) for i in range(0, n, rows)],
        )
        for a, b in zip(made.run(streamed_terms), expected):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * max(1, made.scale))


def test_streaming_holds_no_table_of_all_similarities() -> None:
    fine = torch.arange(4096)
    made = case(torch.stack([fine, fine // 64], dim=1), batch=128, scale=8.0)

    def kept(terms: Terms) -> int:
        sizes: list[int] = []
        x, w = made.x.requires_grad_(), made.w.requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            terms(x, made.own, w, made.lineage, made.margins, made.scale)
        return max(sizes)

    assert kept(cross_scale_terms) == 4096 * 128
    assert kept(streamed_terms) == made.w.numel()  # the proxies themselves


def test_large_tables_are_streamed_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    made = case(TREES["ids in no order"])
    seen: list[bool] = []
    original = _bands._streamed_sums
    monkeypatch.setattr(_bands, "_streamed_sums", lambda *args: seen.append(True) or original(*args))
    made.run(cross_scale_terms)
    assert not seen
    monkeypatch.setattr(_bands, "KEPT_NUMBERS", 10)
    made.run(cross_scale_terms)
    assert seen
    seen.clear()
    made.run(functools.partial(cross_scale_terms, recompute=False))
    assert not seen


def test_parents_of_any_ids() -> None:
    lineage = torch.tensor([[0, 9, 4], [1, -3, 2**60], [2, 9, 4], [3, 0, 2**60]])
    parents = _bands.class_parents(lineage)
    assert [parent.tolist() for parent in parents] == [[2, 0, 2, 1], [1, 1, 0], [0, 0]]


@settings(max_examples=15, deadline=None)
@given(lineages(max_fine=6), st.integers(0, 99))
def test_gradcheck(lineage: object, seed: int) -> None:
    made = case(lineage, batch=3, dim=4, scale=4.0, seed=seed)

    def value(x: Tensor, w: Tensor) -> Tensor:
        return cross_scale_terms(x, made.own, w, made.lineage, made.margins, made.scale)

    assert torch.autograd.gradcheck(value, (made.x.requires_grad_(), made.w.requires_grad_()))


def test_loss_sums_scales_and_averages_the_batch() -> None:
    made = case(TREES["ids in no order"], batch=7)
    terms = made.run(cross_scale_terms)[0]
    value = cross_scale_loss(made.x, made.own, made.w, made.lineage, made.margins, made.scale)
    torch.testing.assert_close(value, terms.sum() / 7)
    assert value.shape == ()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [16.0, 64.0])
@pytest.mark.parametrize("seed", range(3))
def test_half_precision_is_no_worse_than_the_formula_in_half_precision(
    dtype: torch.dtype, scale: float, seed: int
) -> None:
    fine = torch.arange(300)
    made = case(torch.stack([fine, fine // 10, fine // 60], dim=1), batch=32, dim=64, scale=scale, seed=seed)
    made.x, made.w = made.x.to(dtype).double(), made.w.to(dtype).double()  # what half precision can hold
    exact = made.run(cross_scale_terms_reference)
    single = made.run(cross_scale_terms_reference, torch.float32)
    for terms in (cross_scale_terms, streamed_terms):
        for i, (fast, naive, best, true) in enumerate(
            zip(made.run(terms, dtype), made.run(cross_scale_terms_reference, dtype), single, exact)
        ):
            size = true.abs().max()
            error, naive_error = ((value.double() - true).abs().max() / size for value in (fast, naive))
            budget = (best.double() - true).abs().max() / size + 1e-6
            if i > 0:  # gradients are returned in half precision: one rounding more
                budget += torch.finfo(dtype).eps
            assert error <= budget, ("terms", "gradient of x", "gradient of w")[i]
            assert error <= naive_error + budget


@pytest.mark.parametrize("terms", [cross_scale_terms, streamed_terms])
def test_equal_inputs_give_equal_bits(terms: Terms) -> None:
    fine = torch.arange(2000)
    made = case(torch.stack([fine, fine % 70, fine % 7], dim=1), batch=64, dim=32)
    torch.use_deterministic_algorithms(True)
    try:
        first, second = made.run(terms, torch.float32), made.run(terms, torch.float32)
    finally:
        torch.use_deterministic_algorithms(False)
    for a, b in zip(first, second):
        assert torch.equal(a, b)
