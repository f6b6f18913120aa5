"""The pictures of a run: opened once and alike, bad ones found early, data that does not fit refused."""

import errno
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import changed, quiet

from dyml import Embedder
from dyml.data import dataset as dataset_module
from dyml.data import read_manifest, write_manifest
from dyml.data.images import open_image
from dyml.errors import ConfigError, ImageError, RunError
from dyml.models.embedding import embed_batches, embed_manifest
from dyml.training import Config, resume, train
from dyml.training.datamodule import PictureData


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


def test_a_test_that_is_not_open_set_is_said_to_be_none(tiny: Config, tmp_path: Path, blobs: Path) -> None:
    console = quiet()
    train(tiny, tmp_path / "open", console, report=False)
    assert "open-set" not in console.file.getvalue()  # type: ignore[attr-defined]
    train(changed(tiny, data__test="train"), tmp_path / "closed", console, report=False)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "no open-set test, since fine classes are in train and in train: f00, f01," in said
    resume(tmp_path / "closed", console, report=False)
    assert console.file.getvalue().count("trained") == 2  # type: ignore[attr-defined]


def test_a_full_disk_stops_the_run_and_keeps_its_last_checkpoint(
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, save, saved = tmp_path / "run", torch.save, Counter[str]()

    def full(checkpoint: object, target: Path) -> None:
        saved["times"] += 1
        if saved["times"] > 1:
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(checkpoint, target)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(RunError, match=r"cannot write .*last\.ckpt.* free some space\.") as error:
            train(tiny, run, quiet(), report=False)
    assert error.value.__notes__ == [f"When that is mended, `dyml train --resume {run}` goes on."]
    assert torch.load(run / "last.ckpt", weights_only=True)["global_step"] == 5
    assert not [path for path in run.iterdir() if path.name.startswith(".")]
    assert resume(run, quiet(), report=False).folder.metrics.is_file()
