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
    circle,
)
from dyml.taxonomy import Taxonomy

FINE = torch.arange(60)
LINEAGE = torch.stack([FINE, FINE // 4, FINE // 20], dim=1)
MAKERS: dict[str, Callable[[Taxonomy], nn.Module]] = {
    "cross-scale": lambda taxonomy: CrossScaleLoss(taxonomy, 24),
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


@pytest.mark.parametrize("make", [MAKERS["tied"], MAKERS["aggregation"], MAKERS["multi-scale"]])
def test_losses_of_plain_operations_compile_whole(make: Callable[[Taxonomy], nn.Module]) -> None:
    loss = make(Taxonomy.from_labels(LINEAGE, ("fine", "middle", "coarse")))
    x = normalize(torch.randn(16, 24), dim=1)
    torch.compiler.reset()
    compiled = torch.compile(loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x, LINEAGE[:16]), loss(x, LINEAGE[:16]))
