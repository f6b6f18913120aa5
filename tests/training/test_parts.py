"""The parts of a run, each alone: schedule, groups, averages, curves, checkpoints, progress."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dyml.data import read_manifest
from dyml.data.samplers import MPerClassSampler, ThreePartSampler
from dyml.errors import RunError
from dyml.training.build import build_optimizer, build_sampler
from dyml.training.checkpoints import AtomicCheckpointIO, AveragedWeights, check_fingerprint
from dyml.training.config import Config, OptimConfig
from dyml.training.curves import CurveLogger
from dyml.training.folder import RunFolder, describe_environment
from dyml.training.module import step_seed
from dyml.training.schedule import warmup_cosine


@given(total=st.integers(1, 500), share=st.floats(0, 1))
def test_the_rate_rises_then_falls_to_zero(total: int, share: float) -> None:
    warmup = round(share * total)
    rates = [warmup_cosine(step, total, warmup) for step in range(total + 1)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert all(b >= a for a, b in pairwise(rates[:warmup]))
    assert all(b <= a + 1e-12 for a, b in pairwise(rates[warmup:]))
    assert rates[0] > 0
    assert rates[-1] == (pytest.approx(0, abs=1e-12) if warmup < total else 1)
    ends = [warmup_cosine(total, total, warmup, end) for end in (0.25, 1.0)]
    assert ends == (pytest.approx([0.25, 1.0]) if warmup < total else [1, 1])


def test_biases_and_proxies_do_not_decay() -> None:
    embedder = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    loss = nn.Linear(4, 2, bias=False)
    optimizer = build_optimizer(OptimConfig(lr=0.1, proxy_lr=0.5, weight_decay=0.3), embedder, loss)
    weights, others, proxies = optimizer.param_groups
    assert [p.ndim for p in weights["params"]] == [2]
    assert weights["weight_decay"] == 0.3
    assert len(others["params"]) == 3
    assert others["weight_decay"] == 0
    assert (proxies["lr"], proxies["weight_decay"]) == (0.5, 0)


def test_a_loss_without_proxies_gives_no_empty_group() -> None:
    optimizer = build_optimizer(OptimConfig(), nn.Linear(2, 2), nn.Identity())
    assert all(group["params"] for group in optimizer.param_groups)


def test_integers_are_copied_not_averaged() -> None:
    average = AveragedWeights(0.9)._kwargs["avg_fn"]
    assert average(torch.tensor([7]), torch.tensor([9]), 100).item() == 9
    assert average(torch.tensor([0.0]), torch.tensor([1.0]), 0).item() == pytest.approx(0.9)
    assert average(torch.tensor([0.0]), torch.tensor([1.0]), 10_000).item() == pytest.approx(0.1)


def test_step_seeds_differ_and_repeat() -> None:
    seeds = {step_seed(0, step, rank) for step in range(50) for rank in range(3)}
    assert len(seeds) == 150
    assert step_seed(1, 2, 3) == step_seed(1, 2, 3)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_curves_go_on_before_the_step(tmp_path: Path) -> None:
    file = tmp_path / "curves.csv"
    first = CurveLogger(file)
    for step in range(5):
        first.log_metrics({"loss": float(step)}, step)
    first.log_metrics({"validation mAP": 0.5}, 4)
    first.save()
    second = CurveLogger(file)
    second.go_on_from(3)
    second.log_metrics({"loss": 30.0}, 3)
    second.save()
    assert file.read_text().splitlines() == ["step,loss", "0,0.0", "1,1.0", "2,2.0", "3,30.0"]


def test_curves_share_a_row_a_step(tmp_path: Path) -> None:
    logger = CurveLogger(tmp_path / "curves.csv")
    logger.log_metrics({"loss": 1.0}, 4)
    logger.log_metrics({"mAP": 0.5}, 4)
    logger.save()
    assert (tmp_path / "curves.csv").read_text().splitlines() == ["step,loss,mAP", "4,1.0,0.5"]


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"model": nn.Linear(2, 2)}, path)
    with pytest.raises(RunError, match=r"last\.ckpt cannot be read as a checkpoint"):
        AtomicCheckpointIO().load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_a_torn_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(RunError, match=r"last\.ckpt cannot be read"):
        AtomicCheckpointIO().load_checkpoint(path)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    store = AtomicCheckpointIO()
    store.save_checkpoint({"step": 1}, path)

    def full(checkpoint: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="disk is full"):
        store.save_checkpoint({"step": 2}, path)
    assert store.load_checkpoint(path) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_another_taxonomy_is_refused(tmp_path: Path) -> None:
    check_fingerprint("abc", "abc", tmp_path)
    with pytest.raises(RunError, match="another taxonomy"):
        check_fingerprint("abc", "abd", tmp_path / "last.ckpt")


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.check_new()
    with pytest.raises(RunError, match="no run folder"):
        folder.check_resumable()
    folder.path.mkdir()
    folder.check_new()
    with pytest.raises(RunError, match="holds no run"):
        folder.check_resumable()
    (folder.path / "notes.txt").touch()
    with pytest.raises(RunError, match="not an empty folder"):
        folder.check_new()
    folder.config.touch()
    with pytest.raises(RunError, match="--resume"):
        folder.check_new()


def test_the_environment_says_versions() -> None:
    assert describe_environment()["packages"]["torch"] == torch.__version__.split("+")[0]


class MyParts(ThreePartSampler):
    """A sampler of one's own, under any name."""


def test_a_sampler_says_whether_it_is_made_from_all_scales(blobs: Path) -> None:
    manifest = read_manifest(blobs)
    own = {"type": f"{__name__}.MyParts", "batch_size": 12, "per_class": 2}
    assert isinstance(build_sampler(Config.model_validate({"sampler": own}), manifest), MyParts)
    usual = {"batch_size": 16, "per_class": 2}
    assert isinstance(build_sampler(Config.model_validate({"sampler": usual}), manifest), MPerClassSampler)
