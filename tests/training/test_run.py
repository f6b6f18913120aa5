"""Whole runs on a tiny data set: what a run leaves behind, what it refuses, and how it goes on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from io import StringIO
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file

from dyml import Embedder
from dyml.data import dataset as dataset_module
from dyml.data import read_manifest, write_manifest
from dyml.data.images import open_image
from dyml.errors import ConfigError, ImageError, Interrupted, ManifestError, RunError
from dyml.metrics import evaluate
from dyml.models.embedding import embed_batches, embed_manifest
from dyml.training import Config, load_config, resume, train
from dyml.training.datamodule import PictureData
from dyml.training.judge import judge
from dyml.training.settings import dump_text


def quiet() -> Console:
    return Console(file=StringIO())


def changed(config: Config, **options: object) -> Config:
    value = config.model_dump(mode="json")
    for name, new in options.items():
        section, _, key = name.partition("__")
        value[section][key] = new
    return Config.model_validate(value)


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "model.safetensors")


def same_weights(a: Path, b: Path) -> bool:
    first, second = weights(a), weights(b)
    return first.keys() == second.keys() and all(
        torch.allclose(first[name], second[name], rtol=1e-5, atol=1e-6) for name in first
    )


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


class StopBefore(L.Callback):
    """Kills a run in the middle of a step, as far as one process can do that to itself."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: object) -> None:
        if trainer.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [1, 4, 5, 6, 11])
def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    config = changed(tiny, train__checkpoint_minutes=1e-9, train__ema=0.8, train__validate_every=1)
    assert PictureData(config).batches_per_epoch == 5
    config = changed(config, train__epochs=3)
    train(config, tmp_path / "whole", quiet(), report=False)

    with monkeypatch.context() as patch:
        patch.setattr(L.Trainer, "__init__", _with_callback(L.Trainer.__init__, StopBefore(stop)))
        with pytest.raises(Interrupted):
            train(config, tmp_path / "stopped", quiet(), report=False)
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
    with pytest.raises(RunError, match=r"the loss is .* at step \d+ \(epoch \d+\)"):
        train(config, tmp_path / "run", quiet(), report=False)
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


def _with_callback(usual, callback):  # type: ignore[no-untyped-def]
    def init(self, *args, callbacks=(), **kwargs):  # type: ignore[no-untyped-def]
        usual(self, *args, callbacks=[*callbacks, callback], **kwargs)

    return init


def _losses(run: Path) -> list[str]:
    return (run / "curves.csv").read_text().splitlines()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_bad_picture_shows_before_training_and_says_how_to_go_on(
    tiny: Config, tmp_path: Path, blobs: Path, split: str
) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(blobs, data)
    bad = read_manifest(data).only(split).full_path(0)
    good = bad.read_bytes()
    bad.write_bytes(b"")
    with pytest.raises(ImageError, match=f"{bad}: is empty") as error:
        train(changed(tiny, data__root=str(data)), run, quiet(), report=False)
    assert error.value.__notes__ == [f"When that is mended, `dyml train --resume {run}` goes on."]
    assert not (run / "last.ckpt").exists()
    bad.write_bytes(good)
    assert resume(run, quiet(), report=False).result.to_dict()["overall"]["mAP"] > 0


def test_pictures_are_judged_the_same_from_memory_and_from_disk(tiny: Config, tmp_path: Path) -> None:
    """Photographs much larger than needed: JPEGs are decoded at a part of their size in both ways."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[str]] = {name: [] for name in ("path", "fine", "coarse", "split")}
    for i in range(8):
        small = Image.fromarray(rng.integers(0, 256, (20, 30, 3), dtype=np.uint8))
        small.resize((300, 200)).save(tmp_path / f"{i}.jpg")
        for column, value in zip(columns.values(), (f"{i}.jpg", f"f{i // 2}", f"c{i // 4}", "all")):
            column.append(value)
    write_manifest(columns, tmp_path / "manifest.csv")
    options = {"root": str(tmp_path), "train": "all", "test": "all", "size": 16, "resize": 20}
    config = changed(tiny, **{f"data__{name}": value for name, value in options.items()})
    config = changed(config, sampler__batch_size=4)
    memory, disk = PictureData(config), PictureData(changed(config, data__ram=False))
    from_memory, from_disk = (torch.cat(list(data.test_batches())) for data in (memory, disk))
    assert from_memory.shape == (8, 3, 16, 16)
    assert torch.equal(from_memory, from_disk)
    for data in (memory, disk):
        assert torch.equal(torch.cat([batch.images for batch in data.val_dataloader()]), from_memory)
    embedder = Embedder("dyml_small", dim=8, image_size=16, resize=20, backbone_args={"width": 4})
    again = embed_manifest(embedder, memory.test)
    np.testing.assert_array_equal(again, embed_batches(embedder, [from_memory]))


def test_pictures_are_decoded_once(tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[Path] = Counter()

    def counting(path: Path, *args: object, **kwargs: object) -> Image.Image:
        opened[path] += 1
        return open_image(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(dataset_module, "open_image", counting)
    train(changed(tiny, train__validate_every=1), tmp_path / "run", quiet(), report=False)
    assert len(opened) == 96
    assert set(opened.values()) == {1}


def test_too_many_pictures_for_memory(tiny: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"over 4 GB of memory: set --data\.ram false"):
        train(changed(tiny, data__size=10_000), tmp_path / "run", quiet())
    assert not (tmp_path / "run").exists()


def test_a_batch_that_the_data_cannot_fill_names_the_options(tiny: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs 128 classes.*--sampler\.NAME") as error:
        train(changed(tiny, sampler__batch_size=256), tmp_path / "run", quiet())
    assert "there are 12" in str(error.value)
    assert not (tmp_path / "run").exists()
