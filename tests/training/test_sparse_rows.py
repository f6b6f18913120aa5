"""Sampled proxies in training: the rows that a step has used move, others and their state stay."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from tiny_runs import assert_same_state, changed, quiet, same_weights, train_until
from torch import Tensor, nn
from torch.nn.functional import normalize

from dyml.errors import ConfigError
from dyml.losses import CrossScaleLoss, SampledCrossScaleLoss, SumLoss
from dyml.taxonomy import Taxonomy
from dyml.training import Config, resume, train
from dyml.training.build import build_loss, build_optimizer
from dyml.training.config import OptimConfig
from dyml.training.datamodule import open_manifest
from dyml.training.sparse_rows import SparseRows

FINE = torch.arange(30)
LINEAGE = torch.stack([FINE, FINE % 5], dim=1)
TAXONOMY = Taxonomy.from_labels(LINEAGE, ("fine", "coarse"))
OPTIONS = {"share": 0.2, "sparse": True}


def parts(seed: int = 0) -> tuple[nn.Linear, SampledCrossScaleLoss]:
    torch.manual_seed(seed)
    return nn.Linear(7, 6), SampledCrossScaleLoss(TAXONOMY, 6, **OPTIONS)  # type: ignore[arg-type]


def optimizer_of(network: nn.Module, loss: nn.Module, **options: object) -> SparseRows:
    optimizer = build_optimizer(OptimConfig.model_validate({"proxy_lr": 0.5, **options}), network, loss)
    assert isinstance(optimizer, SparseRows)
    return optimizer


def a_step(network: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> Tensor:
    torch.manual_seed(seed)
    optimizer.zero_grad()
    loss(normalize(network(torch.randn(3, 7)), dim=1), LINEAGE[:3]).backward()
    optimizer.step()
    return loss.proxies.grad.coalesce().indices()[0]  # type: ignore[union-attr, operator, return-value]


@pytest.mark.parametrize("kind", ["torch.optim.AdamW", "torch.optim.SGD"])
def test_rows_that_were_not_chosen_stay(kind: str) -> None:
    network, loss = parts()
    optimizer = optimizer_of(network, loss, type=kind, weight_decay=0.3)
    before, weight = loss.proxies.detach().clone(), network.weight.detach().clone()
    chosen = a_step(network, loss, optimizer, 1)
    assert len(chosen) == 6
    moved = (loss.proxies.detach() != before).any(1)
    assert set(moved.nonzero()[:, 0].tolist()) == set(chosen.tolist())
    assert (network.weight.detach() != weight).any()
    state = optimizer.state[loss.proxies]
    assert (state["exp_avg"][~moved] == 0).all()
    assert (state["exp_avg"][moved] != 0).any()


def test_it_steps_as_the_two_optimisers_would() -> None:
    network, loss = parts()
    optimizer = optimizer_of(network, loss, betas=(0.8, 0.9), eps=1e-6)
    for step in range(3):
        a_step(network, loss, optimizer, step)
    again, proxies = parts()
    dense = torch.optim.AdamW(
        [{"params": [again.weight], "weight_decay": 1e-4}, {"params": [again.bias], "weight_decay": 0.0}],
        lr=2e-3,
        betas=(0.8, 0.9),
        eps=1e-6,
    )
    sparse = torch.optim.SparseAdam(proxies.parameters(), 0.5, (0.8, 0.9), 1e-6)
    for step in range(3):
        dense.zero_grad()
        a_step(again, proxies, sparse, step)
        dense.step()
    torch.testing.assert_close(network.weight, again.weight)
    torch.testing.assert_close(loss.proxies, proxies.proxies)


def test_schedule_and_state_see_one_optimiser() -> None:
    network, loss = parts()
    optimizer = optimizer_of(network, loss)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5**step)
    a_step(network, loss, optimizer, 0)
    schedule.step()
    assert optimizer.sparse.param_groups[0]["lr"] == 0.25
    assert [group["lr"] for group in optimizer.dense.param_groups] == [1e-3, 1e-3]

    other_network, other_loss = parts(seed=5)
    other_network.load_state_dict(network.state_dict())
    other_loss.load_state_dict(loss.state_dict())
    other = optimizer_of(other_network, other_loss)
    other.load_state_dict(deepcopy(optimizer.state_dict()))  # torch shares the tensors of a state
    assert other.sparse.param_groups[0]["lr"] == 0.25
    a_step(network, loss, optimizer, 1)
    a_step(other_network, other_loss, other, 1)
    assert torch.equal(network.weight, other_network.weight)
    assert torch.equal(loss.proxies, other_loss.proxies)


def test_sparse_parameters_are_found_within_sums() -> None:
    terms = [{"type": CrossScaleLoss}, {"type": SampledCrossScaleLoss, **OPTIONS}]
    loss = SumLoss(TAXONOMY, 6, terms)
    optimizer = optimizer_of(nn.Linear(7, 6), loss)
    assert optimizer.sparse.param_groups[0]["params"] == [loss.losses[1].proxies]
    assert [p.shape for p in optimizer.dense.param_groups[-1]["params"]] == [(30, 6)]
    plain = SumLoss(TAXONOMY, 6, [{"type": SampledCrossScaleLoss, "share": 0.2}])
    assert not isinstance(build_optimizer(OptimConfig(), nn.Linear(7, 6), plain), SparseRows)


def test_a_sampled_run_is_resumed_to_the_same_weights(tiny: Config, tmp_path: Path) -> None:
    loss = {"type": "dyml.losses.SampledCrossScaleLoss", "share": 0.6, "sparse": True}
    config = Config.model_validate({**tiny.model_dump(mode="json"), "loss": loss})
    config = changed(config, optim__clip=1.0, sampler__batch_size=4)
    train(config, tmp_path / "whole", quiet(), report=False)
    train_until(7, config, tmp_path / "stopped")
    resume(tmp_path / "stopped", quiet(), report=False)
    assert_same_state(tmp_path / "whole", tmp_path / "stopped")
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")


def test_several_devices_are_refused(tiny: Config) -> None:
    taxonomy = open_manifest(tiny.data).only("train").taxonomy
    loss = {"type": "dyml.losses.SampledCrossScaleLoss", "sparse": True}
    config = Config.model_validate({**tiny.model_dump(mode="json"), "loss": loss})
    with pytest.raises(ConfigError, match=r"trains on one device.*set --loss\.sparse false, or spread"):
        build_loss(changed(config, train__devices=2), taxonomy)
