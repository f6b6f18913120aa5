"""Proxies spread over processes in training: kept out of averages, saved whole, shared out anew."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_runs import assert_same_state, changed, checkpoint_state, quiet, same_weights, train_until
from torch import Tensor, nn

from dyml.errors import ConfigError
from dyml.losses import CrossScaleLoss, SumLoss
from dyml.taxonomy import Taxonomy
from dyml.training import Config, resume, train
from dyml.training.build import build_loss
from dyml.training.datamodule import open_manifest
from dyml.training.settings import dump_text, load_config
from dyml.training.shards import gather_shards, sharded_names, share_shards

SHARDED = {"type": "dyml.losses.ShardedCrossScaleLoss"}


@pytest.fixture
def sharded(tiny: Config) -> Config:
    return Config.model_validate({**tiny.model_dump(mode="json"), "loss": SHARDED})


class Half(nn.Module):
    """One of two processes' shares of a table of six rows; the other's rows are ten times as large."""

    def __init__(self, first: bool, whole: Tensor) -> None:
        super().__init__()
        self.rows = slice(0, 2) if first else slice(2, 6)
        self.first = first
        self.proxies = nn.Parameter(whole[self.rows].clone())

    def spread(self) -> None: ...

    def sharded_parameters(self) -> list[str]:
        return ["proxies"]

    def gather(self, rows: Tensor) -> Tensor:
        other = 10 * rows[:1].expand(4 if self.first else 2, -1)
        return torch.cat([rows, other] if self.first else [other, rows])

    def share(self, table: Tensor) -> Tensor:
        return table[self.rows].clone()


def test_whole_tables_go_into_checkpoints_and_shares_come_out() -> None:
    taxonomy = Taxonomy.from_labels([[0], [1]], ("fine",))
    loss = SumLoss(taxonomy, 4, [{"type": CrossScaleLoss}])
    table = torch.randn(6, 4)
    loss.losses.append(Half(True, table))
    optimizer = torch.optim.Adam([{"params": [p]} for p in loss.parameters()])
    assert sharded_names(loss) == ["losses.1.proxies"]
    for p in loss.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    key = "loss.losses.1.proxies"

    def checkpoint() -> dict[str, Any]:
        states = {f"loss.{name}": value for name, value in loss.state_dict().items()}
        return {
            "state_dict": dict(states),
            "current_model_state": dict(states),
            "optimizer_states": [optimizer.state_dict()],
        }

    saved = checkpoint()
    gather_shards(saved, loss, [optimizer])
    assert saved["state_dict"][key].shape == saved["current_model_state"][key].shape == (6, 4)
    assert saved["state_dict"]["loss.losses.0.proxies"].shape == (2, 4)
    state = saved["optimizer_states"][0]["state"]
    assert [state[0]["exp_avg"].shape, state[1]["exp_avg"].shape] == [(2, 4), (6, 4)]
    assert state[1]["step"].shape == ()
    assert optimizer.state[loss.losses[1].proxies]["exp_avg"].shape == (2, 4), (
        "the optimiser's own has changed"
    )

    second = SumLoss(taxonomy, 4, [{"type": CrossScaleLoss}])
    second.losses.append(Half(False, table))
    whole = saved["state_dict"][key]
    share_shards(saved, second)
    for part in ("state_dict", "current_model_state"):
        assert torch.equal(saved[part][key], whole[2:])
    assert [state[0]["exp_avg"].shape, state[1]["exp_avg"].shape] == [(2, 4), (4, 4)]


def test_one_process_trains_and_resumes_to_the_same_weights(sharded: Config, tmp_path: Path) -> None:
    config = changed(sharded, train__ema=0.8, train__validate_every=1)
    train(config, tmp_path / "whole", quiet(), report=False)
    train_until(6, config, tmp_path / "stopped")
    resume(tmp_path / "stopped", quiet(), report=False)
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")
    assert_same_state(tmp_path / "whole", tmp_path / "stopped")
    assert checkpoint_state(tmp_path / "whole")["loss.proxies"].shape == (12, 16)


def test_half_precision_with_scaling_is_refused_on_several_devices(sharded: Config) -> None:
    taxonomy = open_manifest(sharded.data).only("train").taxonomy
    config = changed(sharded, train__devices=2, train__precision="16-mixed")
    with pytest.raises(ConfigError, match=r"Set --train\.precision bf16-mixed or 32-true"):
        build_loss(config, taxonomy)


def run_alone(*words: object) -> None:
    """Run the command in a process of its own, which starts the others itself."""
    program = Path(sys.executable).with_name("dyml")
    done = subprocess.run(
        [program, "train", *map(str, words)], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def losses_of(run: Path) -> list[float]:
    head, *rows = (line.split(",") for line in (run / "curves.csv").read_text().splitlines())
    return [float(row[head.index("loss")]) for row in rows if row[head.index("loss")]]


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_may_become_one(sharded: Config, tmp_path: Path) -> None:
    # A network without batch norms: their statistics are of a process' own pictures. And not Adam, which
    # makes whole steps of the rounding errors in gradients that are zero.
    plain = {"depth": 1, "embed_dim": 24, "num_heads": 3, "img_size": 16, "patch_size": 8}
    config = changed(
        sharded,
        model__backbone="vit_tiny_patch16_224",
        model__backbone_args=plain,
        train__accelerator="cpu",
        train__precision="32-true",
        train__ema=0.8,
        optim__type="torch.optim.SGD",
        optim__momentum=0.9,
        optim__lr=0.05,
        optim__end=1.0,
        optim__warmup=0.0,
        train__epochs=2,
    )
    one, two, mixed = tmp_path / "one", tmp_path / "two", tmp_path / "mixed"
    file = tmp_path / "config.yaml"
    for run, devices in ((one, 1), (two, 2)):
        file.write_text(dump_text(changed(config, train__devices=devices)))
        run_alone("--config", file, "--run", run)
    assert losses_of(two) == pytest.approx(losses_of(one), rel=1e-4)
    assert_same_state(one, two)

    file.write_text(dump_text(changed(config, train__devices=2, train__epochs=1)))
    run_alone("--config", file, "--run", mixed)
    settings = load_config(mixed / "config.yaml")
    (mixed / "config.yaml").write_text(dump_text(changed(settings, train__devices=1, train__epochs=2)))
    run_alone("--resume", mixed)
    assert_same_state(one, mixed)
