"""Whole runs on a tiny data set: what a run leaves behind, what it refuses, and how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tiny_runs import changed, quiet, same_weights, train_until

from dyml import Embedder
from dyml.data import read_manifest, write_manifest
from dyml.errors import ConfigError, ManifestError, RunError
from dyml.metrics import evaluate
from dyml.models.embedding import embed_manifest
from dyml.training import Config, load_config, resume, train
from dyml.training.datamodule import PictureData
from dyml.training.judge import judge
from dyml.training.settings import dump_text


@pytest.fixture(scope="module")
def finished(blobs: Path, tiny_options: dict[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "finished"
    options = {"data.root": str(blobs), "train.validate_every": 1, "train.ema": 0.5, "optim.clip": 1.0}
    train(load_config(None, {**tiny_options, **options}), run, quiet())
    return run


def test_a_run_leaves_everything_behind(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {
        "config.yaml",
        "curves.csv",
        "environment.json",
        "last.ckpt",
        "metrics.json",
        "metrics.queries.npz",
        "model",
        "report.html",
        "tensorboard",
    }
    metrics = json.loads((finished / "metrics.json").read_text())
    assert set(metrics["baselines"]) == {"untrained", "raw pixels"}
    assert 0 < metrics["test"]["overall"]["mAP"] <= 1
    head = (finished / "curves.csv").read_text().splitlines()[0]
    assert "loss" in head
    assert "validation overall mAP" in head


def test_the_report_needs_nothing_else(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "")
    assert "<table" in page


def test_the_model_folder_gives_the_measures_again(finished: Path, blobs: Path) -> None:
    embedder = Embedder.from_pretrained(finished / "model")
    test = read_manifest(blobs).only("test")
    result = evaluate(embed_manifest(embedder, test), test.labels, scales=test.scales)
    saved = json.loads((finished / "metrics.json").read_text())["test"]
    assert result.to_dict()["overall"]["mAP"] == pytest.approx(saved["overall"]["mAP"], abs=1e-6)
    again = judge(str(finished)).to_dict()
    assert all(again[part] == pytest.approx(saved[part]) for part in (*test.scales, "overall", "multi"))
    assert embedder.taxonomy == read_manifest(blobs).only("train").taxonomy


def test_the_same_seed_gives_the_same_weights(tiny: Config, tmp_path: Path) -> None:
    for name in ("a", "b"):
        train(tiny, tmp_path / name, quiet(), report=False)
    assert same_weights(tmp_path / "a", tmp_path / "b")
    train(changed(tiny, train__seed=1), tmp_path / "c", quiet(), report=False)
    assert not same_weights(tmp_path / "a", tmp_path / "c")


@pytest.mark.parametrize("stop", [1, 4, 5, 6, 11])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tiny: Config, tmp_path: Path, stop: int) -> None:
    config = changed(tiny, train__ema=0.8, train__validate_every=1)
    assert PictureData(config).batches_per_epoch == 5
    config = changed(config, train__epochs=3)
    train(config, tmp_path / "whole", quiet(), report=False)
    train_until(stop, config, tmp_path / "stopped")
    assert not (tmp_path / "stopped" / "model").exists()
    resume(tmp_path / "stopped", quiet(), report=False)
    assert same_weights(tmp_path / "whole", tmp_path / "stopped")
    assert _losses(tmp_path / "whole") == _losses(tmp_path / "stopped")


def test_a_killed_run_goes_on(tiny: Config, tmp_path: Path) -> None:
    config = changed(tiny, train__checkpoint_minutes=1e-9, train__epochs=8)
    file = tmp_path / "config.yaml"
    file.write_text(dump_text(config))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(config, whole, quiet(), report=False)
    code = "from dyml.cli import main; main()"
    command = [sys.executable, "-c", code, "train", "--config", str(file), "--run", str(killed)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not (killed / "last.ckpt").exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait()
    assert (killed / "last.ckpt").exists()
    resume(killed, quiet(), report=False)
    assert same_weights(whole, killed)


def test_a_finished_run_resumes_to_its_measures(finished: Path) -> None:
    before = (finished / "metrics.json").read_text()
    resume(finished, quiet(), report=False)
    assert (finished / "metrics.json").read_text() == before


def test_pictures_from_disk_train_the_same_whatever_the_workers(tiny: Config, tmp_path: Path) -> None:
    config = changed(tiny, data__ram=False, augment__rotate=20, augment__flip=0.5, train__epochs=1)
    train(config, tmp_path / "none", quiet(), report=False)
    train(changed(config, data__workers=2), tmp_path / "two", quiet(), report=False)
    assert same_weights(tmp_path / "none", tmp_path / "two")


def test_the_three_part_baseline_trains(tiny: Config, tmp_path: Path) -> None:
    config = Config.model_validate(
        {
            **tiny.model_dump(mode="json"),
            "loss": {"type": "dyml.losses.MultiScale", "parts": True},
            "sampler": {
                "type": "dyml.data.samplers.ThreePartSampler",
                "batch_size": 24,
                "per_class": [2, 2, 4],
            },
        }
    )
    outcome = train(config, tmp_path / "run", quiet(), report=False)
    assert outcome.result.to_dict()["overall"]["mAP"] > 0


def test_a_loss_that_is_not_finite_stops_and_names_the_step(tiny: Config, tmp_path: Path) -> None:
    config = changed(tiny, optim__lr=1e30, optim__warmup=0.0)
    with pytest.raises(RunError, match=r"the loss is .* at step \d+ \(epoch \d+\)") as error:
        train(config, tmp_path / "run", quiet(), report=False)
    assert not hasattr(error.value, "__notes__")
    assert not (tmp_path / "run" / "model").exists()


def test_a_wrong_setting_leaves_no_folder(tiny: Config, tmp_path: Path) -> None:
    wrong = changed(tiny, model__backbone="resnet81")
    with pytest.raises(ConfigError, match="no backbone 'resnet81'"):
        train(wrong, tmp_path / "run", quiet())
    with pytest.raises(ManifestError, match="no rows of split"):
        train(changed(tiny, data__test="tset"), tmp_path / "run", quiet())
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written(tiny: Config, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        train(tiny, tmp_path / "file" / "run", quiet())


def test_a_changed_taxonomy_is_not_resumed(tiny: Config, tmp_path: Path, blobs: Path) -> None:
    run = tmp_path / "run"
    train(tiny, run, quiet(), report=False)
    manifest = read_manifest(blobs)
    kept = manifest.only("train")
    columns = {
        "path": kept.paths,
        **{
            scale: [kept.taxonomy.name(m, i) for i in kept.labels[:, m]]
            for m, scale in enumerate(kept.scales)
        },
    }
    columns["fine"] = [name.replace("f00", "renamed") for name in columns["fine"]]
    columns["split"] = ["test" if name in ("f13", "f14") else "train" for name in columns["fine"]]
    write_manifest(columns, blobs / "other.csv")
    try:
        value = changed(tiny, data__manifest="other.csv")
        (run / "config.yaml").write_text(dump_text(value))
        with pytest.raises(RunError, match="another taxonomy"):
            resume(run, quiet(), report=False)
    finally:
        (blobs / "other.csv").unlink()


def test_a_run_without_a_model_says_how_to_go_on(tmp_path: Path, tiny: Config) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text(dump_text(tiny))
    with pytest.raises(RunError, match="--resume"):
        judge(str(run))
    with pytest.raises(RunError, match="no run or model folder"):
        judge(str(tmp_path / "nothing"))


def test_training_beats_no_training(tiny: Config, tmp_path: Path) -> None:
    config = changed(tiny, train__epochs=12, optim__lr=5e-3)
    outcome = train(config, tmp_path / "run", quiet(), report=False)
    trained = outcome.result.to_dict()["overall"]["mAP"]
    assert trained > outcome.baselines["untrained"].to_dict()["overall"]["mAP"] + 0.1
    assert np.isfinite(trained)


def _losses(run: Path) -> list[str]:
    return (run / "curves.csv").read_text().splitlines()
