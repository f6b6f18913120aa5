"""Runs fed from memory, from packs and from disk: the same pictures, and faults on the way."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_runs import changed, quiet, same_weights

from dyml.data import read_manifest, write_manifest
from dyml.data.looking import look_at
from dyml.errors import ConfigError, ImageError, RunError
from dyml.training import Config, resume, train
from dyml.training import datamodule as datamodule_module
from dyml.training.datamodule import PictureData


@pytest.fixture
def data(tmp_path: Path, blobs: Path) -> Path:
    return Path(shutil.copytree(blobs, tmp_path / "data"))


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A set in which one bad picture is less than one in a hundred."""
    root = tmp_path / "many"
    root.mkdir()
    rng = np.random.default_rng(0)
    columns: dict[str, list[str]] = {name: [] for name in ("path", "fine", "coarse", "split")}
    for i in range(240):
        fine = i // 12
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(root / f"{i}.png")
        split = "test" if fine >= 16 else "train"
        for column, value in zip(columns.values(), (f"{i}.png", f"f{fine}", f"c{fine % 4}", split)):
            column.append(value)
    write_manifest(columns, root / "manifest.csv")
    return root


def test_a_run_from_a_pack_is_the_run_from_memory(tiny: Config, tmp_path: Path, data: Path) -> None:
    tiny = changed(tiny, data__root=str(data))
    memory = train(tiny, tmp_path / "memory", quiet(), report=False).result
    packed = changed(tiny, data__pack=str(tmp_path / "pack"))
    result = train(packed, tmp_path / "packed", quiet(), report=False).result
    assert same_weights(tmp_path / "memory", tmp_path / "packed")
    assert memory is not None
    assert result is not None
    assert result.to_dict() == memory.to_dict()
    for file in data.glob("*.png"):
        file.unlink()
    train(packed, tmp_path / "alone", quiet(), report=False)
    assert same_weights(tmp_path / "memory", tmp_path / "alone"), "the pack is enough"


def test_packs_in_the_cache_hold_what_is_trained_on_and_what_is_judged(
    tiny: Config, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYML_CACHE", str(tmp_path / "cache"))
    config = changed(tiny, data__root=str(data), data__size=12, data__resize=14)
    memory, packed = PictureData(config), PictureData(changed(config, data__pack="auto"))
    for pictures in (memory, packed):
        pictures.load()
    packs = sorted(folder.name.partition("-")[2][13:] for folder in (tmp_path / "cache" / "packs").iterdir())
    assert packs == ["12-14-3", "14-3"], "as judged, as trained on"
    for a, b in zip(memory.test_batches(), packed.test_batches(), strict=True):
        assert torch.equal(a, b)
    rows = [3, 1, 2]
    assert torch.equal(
        memory._train_pictures.__getitems__(rows).images,  # type: ignore[union-attr]
        packed._train_pictures.__getitems__(rows).images,  # type: ignore[union-attr]
    )


def test_a_pack_of_another_size_is_refused(tiny: Config, tmp_path: Path, data: Path) -> None:
    config = changed(tiny, data__root=str(data), data__pack=str(tmp_path / "pack"))
    train(config, tmp_path / "run", quiet(), report=False)
    with pytest.raises(RunError, match=r"holds pictures of 16 px, colour; 20 px, colour was asked for"):
        train(changed(config, data__size=20), tmp_path / "other", quiet(), report=False)


@pytest.mark.parametrize("how", [{}, {"data__ram": False}, {"data__ram": False, "data__workers": 2}, "pack"])
def test_a_bad_training_picture_does_not_end_a_run(
    tiny: Config, tmp_path: Path, many: Path, how: dict[str, object] | str
) -> None:
    bad = read_manifest(many).only("train").full_path(50)
    bad.write_bytes(bad.read_bytes()[:60])
    options = {"data__pack": str(tmp_path / "pack")} if isinstance(how, str) else how
    config = changed(tiny, data__root=str(many), train__epochs=1, loss__margins=[0.2, 0.3], **options)
    console = quiet()
    train(config, tmp_path / "run", console, report=False)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "1 of 192 pictures could not be opened; another of its class took its place" in said
    assert str(bad) in said


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_bad_pictures_end_it_by_name(tiny: Config, tmp_path: Path, data: Path, workers: int) -> None:
    train_rows = read_manifest(data).only("train")
    for i in (3, 40):
        train_rows.full_path(i).unlink()
    config = changed(tiny, data__root=str(data), data__ram=False, data__workers=workers)
    with pytest.raises(ImageError) as error:
        train(config, tmp_path / "run", quiet(), report=False)
    text = str(error.value)
    assert "of 72 pictures cannot be opened, more than 1%" in text
    assert "no such file. Correct the path, or remove its row." in text
    assert "Traceback" not in text
    assert "goes on" in error.value.__notes__[0]


def test_a_bad_test_picture_shows_before_training_from_disk(
    tiny: Config, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = read_manifest(data).only("test").full_path(5)
    good = bad.read_bytes()
    bad.write_bytes(good[:60])
    config = changed(tiny, data__root=str(data), data__ram=False)
    with pytest.raises(ImageError, match=rf"1 of 24 pictures cannot be opened: {bad}: is cut short"):
        train(config, tmp_path / "run", quiet(), report=False)
    assert not (tmp_path / "run" / "last.ckpt").exists()
    bad.write_bytes(good)
    opened: list[Path] = []

    def counting(path: Path) -> object:
        opened.append(path)
        return look_at(path)

    monkeypatch.setattr("dyml.data.looking.look_at", counting)
    assert resume(tmp_path / "run", quiet(), report=False).result is not None
    assert opened == [bad], "the others were looked at before"


def test_a_run_from_disk_resumes_to_the_same_weights(tiny: Config, tmp_path: Path, data: Path) -> None:
    crop = {"crop_scale": [0.3, 1.0], "flip": True, "brightness": 0.2}
    config = Config.model_validate(
        changed(tiny, data__root=str(data), data__ram=False).model_dump(mode="json") | {"augment": crop}
    )
    train(config, tmp_path / "whole", quiet(), report=False)
    train(changed(config, data__workers=2), tmp_path / "workers", quiet(), report=False)
    assert same_weights(tmp_path / "whole", tmp_path / "workers")


def test_too_many_for_memory_are_no_matter_for_a_pack(tiny: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datamodule_module, "MAX_BYTES", 100)
    with pytest.raises(ConfigError, match=r"--data\.pack auto"):
        PictureData(tiny)
    PictureData(changed(tiny, data__pack="auto"))
