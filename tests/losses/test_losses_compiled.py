"""Under torch.compile every loss gives the value and the gradients that it gives as written."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from dyml.losses import (
    CrossScaleLoss,
    HierarchicalAPLoss,
    MultiScale,
    ScaleAggregationLoss,
    TiedProxyLoss,
    _fused,
    circle,
    roadmap,
)
from dyml.losses._bands import class_parents
from dyml.taxonomy import Taxonomy

FINE = torch.arange(60)
LINEAGE = torch.stack([FINE, FINE // 4, FINE // 20], dim=1)
MAKERS: dict[str, Callable[[Taxonomy], nn.Module]] = {
    "cross-scale": lambda taxonomy: CrossScaleLoss(taxonomy, 24),
    "cross-scale, streamed": lambda taxonomy: CrossScaleLoss(taxonomy, 24, recompute=True),
    "roadmap": lambda taxonomy: MultiScale(taxonomy, 24, roadmap),
    "tied": lambda taxonomy: TiedProxyLoss(taxonomy, 24),
    "hierarchical": lambda taxonomy: HierarchicalAPLoss(taxonomy, 24),
    "aggregation": lambda taxonomy: ScaleAggregationLoss(taxonomy, 24),
    "multi-scale": lambda taxonomy: MultiScale(taxonomy, 24, circle),
}


@pytest.mark.parametrize(
    "backend",
    [
        "eager",
        pytest.param("aot_eager", marks=pytest.mark.slow),
        pytest.param("inductor", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_compiled_step_is_the_step(make: Callable[[Taxonomy], nn.Module], backend: str) -> None:
    torch.manual_seed(0)
    loss = make(Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse")))
    x = normalize(torch.randn(16, 24), dim=1).requires_grad_()
    labels = LINEAGE[torch.randint(60, (16,))]
    value = loss(x, labels)
    expected = torch.autograd.grad(value, [x, *loss.parameters()])
    torch.compiler.reset()
    compiled = torch.compile(loss, backend=backend)
    again = compiled(x, labels)
    torch.testing.assert_close(again, value, rtol=1e-5, atol=1e-5)
    for a, b in zip(torch.autograd.grad(again, [x, *loss.parameters()]), expected):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


WHOLE = ("cross-scale", "cross-scale, streamed", "tied", "aggregation", "multi-scale")


@pytest.mark.parametrize("backend", ["eager", "aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", WHOLE)
def test_these_compile_whole(name: str, backend: str) -> None:
    torch.manual_seed(0)
    loss = MAKERS[name](Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse")))
    x = normalize(torch.randn(16, 24), dim=1).requires_grad_()
    torch.compiler.reset()
    compiled = torch.compile(loss, backend=backend, fullgraph=True)
    for size in (16, 7):  # another size of batch is compiled for any
        labels, part = LINEAGE[:size], x[:size]
        value, expected = compiled(part, labels), loss(part, labels)
        torch.testing.assert_close(value, expected)
        for a, b in zip(
            torch.autograd.grad(value, [x, *loss.parameters()]),
            torch.autograd.grad(expected, [x, *loss.parameters()]),
        ):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("recompute", [False, True, None])
def test_the_operation_is_what_its_declaration_says(dtype: torch.dtype, recompute: bool | None) -> None:
    x = normalize(torch.randn(5, 6, dtype=torch.float64), dim=1).to(dtype).requires_grad_()
    w = torch.randn(60, 6, dtype=torch.float64).to(dtype).requires_grad_()
    parents = list(class_parents(LINEAGE))
    arguments = (x, w, torch.tensor([3, 7, 50, 3, 0]), parents, [0.1, 0.2, 0.3], 4.0, recompute)
    torch.library.opcheck(_fused._forward, arguments, test_utils=("test_schema", "test_faketensor"))
