"""Packs: the same pixels as from memory, kept up to date, whole after a kill, shared by processes."""

import errno
import multiprocessing
import os
import pickle
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data.dataset import RamDataset
from dyml.data.faults import Faults
from dyml.data.packing import Pack, PackedDataset, Recipe, pack_folder, pack_manifest, verify_pack
from dyml.data.packing import shards as shards_module
from dyml.data.packing import writing as writing_module
from dyml.data.samplers import Draw
from dyml.data.text_column import TextColumn
from dyml.errors import ImageError, InputError, RunError

COUNT = 24
SMALL = Recipe(16)
TINY_SHARDS = SMALL.bytes * 5


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    root = tmp_path / "photos"
    root.mkdir()
    rng = np.random.default_rng(0)
    paths = [f"{i}.jpg" for i in range(COUNT)]
    for i, path in enumerate(paths):
        draw(root / path, rng, (40 + i, 60))
    fine = [f"f{i // 4}" for i in range(COUNT)]
    coarse = [f"c{i // 12}" for i in range(COUNT)]
    write_manifest({"path": paths, "fine": fine, "coarse": coarse}, root / "manifest.csv")
    return read_manifest(root)


def draw(path: Path, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    Image.fromarray(rng.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(path)


def pack(manifest: Manifest, folder: Path, recipe: Recipe = SMALL, **given: Any) -> Any:
    return pack_manifest(manifest, folder, recipe, threads=1, shard_bytes=TINY_SHARDS, **given)


@pytest.mark.parametrize("recipe", [SMALL, Recipe(16, 1), Recipe(16, 3, 20)])
def test_packed_pictures_are_those_from_memory(manifest: Manifest, tmp_path: Path, recipe: Recipe) -> None:
    report = pack(manifest, tmp_path / "pack", recipe)
    assert (report.pictures, report.packed, report.changed, report.dead) == (COUNT, COUNT, 0, 0)
    memory = RamDataset(manifest, recipe.size, recipe.channels, resize=recipe.resize)
    packed = PackedDataset(manifest, Pack(tmp_path / "pack"))
    rows = [5, 0, 23, 5]
    ours, theirs = packed.__getitems__(rows), memory.__getitems__(rows)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs))
    image, labels, index = packed[Draw(7, 1)]
    assert torch.equal(image, memory.images[7])
    assert (labels.tolist(), index) == (manifest.labels[7].tolist(), 7)


def test_only_what_changed_is_packed_again(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    pack(manifest, folder)
    assert pack(manifest, folder).packed == 0
    draw(manifest.full_path(3), np.random.default_rng(9), (50, 50))
    report = pack(manifest, folder)
    assert (report.packed, report.changed, report.dead) == (1, 1, 1)
    packed = PackedDataset(manifest, Pack(folder))
    assert torch.equal(packed[3][0], RamDataset(manifest, 16).images[3])
    assert pack(manifest, folder).dead == 1


def test_a_pack_grows_with_its_manifest_and_serves_parts_of_it(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    assert pack(manifest.subset(np.arange(10)), folder).packed == 10
    with pytest.raises(RunError, match=r"lacks 14 of 24 pictures, such as 10\.jpg.*dyml data pack"):
        PackedDataset(manifest, Pack(folder))
    assert pack(manifest, folder).packed == 14
    some = manifest.subset([20, 2])
    assert torch.equal(
        PackedDataset(some, Pack(folder)).__getitems__([0, 1]).images, pictures(manifest)[[20, 2]]
    )


def pictures(manifest: Manifest) -> torch.Tensor:
    return RamDataset(manifest, 16).images


def test_labels_are_never_those_of_an_older_table(manifest: Manifest, tmp_path: Path) -> None:
    pack(manifest, tmp_path / "pack")
    fine = [f"new{i // 2}" for i in range(COUNT)][::-1]
    columns = {"path": list(manifest.paths)[::-1], "fine": fine, "coarse": ["one"] * COUNT}
    write_manifest(columns, manifest.root / "manifest.csv")
    changed = read_manifest(manifest.root, ["fine", "coarse"])
    assert pack(changed, tmp_path / "pack").packed == 0
    batch = PackedDataset(changed, Pack(tmp_path / "pack")).__getitems__(range(COUNT))
    assert batch.labels.tolist() == changed.labels.tolist()
    assert torch.equal(batch.images, pictures(changed))


def test_pictures_whose_files_are_gone_are_still_there(manifest: Manifest, tmp_path: Path) -> None:
    before = pictures(manifest)
    pack(manifest, tmp_path / "pack")
    for i in range(COUNT):
        manifest.full_path(i).unlink()
    report = pack(manifest, tmp_path / "pack")
    assert (report.packed, report.gone, report.bad) == (0, COUNT, ())
    packed = PackedDataset(manifest, Pack(tmp_path / "pack"))
    assert torch.equal(packed.__getitems__(range(COUNT)).images, before)


def test_bad_pictures_are_left_out_and_replaced(manifest: Manifest, tmp_path: Path) -> None:
    good = pictures(manifest)
    manifest.full_path(6).write_bytes(b"no picture")
    report = pack(manifest, tmp_path / "pack")
    ((row, error),) = report.bad
    assert (row, error.kind, report.packed) == (6, "unreadable", COUNT - 1)
    faults = Faults(manifest, most=0.05)
    packed = PackedDataset(manifest, Pack(tmp_path / "pack"), [6], faults)
    batch = packed.__getitems__([Draw(6, 5), Draw(1, 5)])
    assert batch.index[0] in (4, 5, 7)
    assert batch.labels[0].tolist() == manifest.labels[6].tolist()
    assert torch.equal(batch.images, good[batch.index])
    with pytest.raises(ImageError, match=r"1 of 24 pictures cannot be opened, more than 1%.*6\.jpg"):
        PackedDataset(manifest, Pack(tmp_path / "pack"), [6], Faults(manifest))
    draw(manifest.full_path(6), np.random.default_rng(1), (40, 40))
    assert pack(manifest, tmp_path / "pack").packed == 1


def packing_slowly(root: Path, folder: Path) -> None:
    real = writing_module.open_image

    def slow(*args: Any) -> Image.Image:
        time.sleep(0.03)
        return real(*args)

    writing_module.open_image = slow
    pack(read_manifest(root), folder)


def test_a_pack_that_is_killed_goes_on(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    process = multiprocessing.get_context("fork").Process(target=packing_slowly, args=(manifest.root, folder))
    process.start()
    while not (folder / "000001.parquet").exists():
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)  # type: ignore[arg-type]
    process.join()
    (folder / "000077.pixels").write_bytes(b"x")  # as where the table was not written yet
    (folder / ".000078-abcd.pixels").write_bytes(b"x")
    done = len(Pack(folder))
    assert 10 <= done < COUNT
    assert pack(manifest, folder).packed == COUNT - done
    assert not list(folder.glob("*77*")) + list(folder.glob(".*78*"))
    assert torch.equal(
        PackedDataset(manifest, Pack(folder)).__getitems__(range(COUNT)).images, pictures(manifest)
    )


def test_two_processes_pack_once(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    process = multiprocessing.get_context("fork").Process(target=packing_slowly, args=(manifest.root, folder))
    process.start()
    while not (folder / "000000.parquet").exists():
        time.sleep(0.005)
    said: list[str] = []
    report = pack(manifest, folder, waiting=lambda: said.append("waits"))
    process.join()
    assert (said, report.packed) == (["waits"], 0)
    assert len(Pack(folder)) == COUNT


def test_a_full_disk_says_so_and_keeps_what_is_packed(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = tmp_path / "pack", shards_module.pq.write_table

    def full(table: Any, target: Path) -> None:
        if (folder / "000001.parquet").exists():
            target.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        real(table, target)

    with monkeypatch.context() as patch:
        patch.setattr(shards_module.pq, "write_table", full)
        with pytest.raises(RunError, match=r"cannot write .*000002\.parquet.*free some space\."):
            pack(manifest, folder)
    assert len(Pack(folder)) == 10
    assert pack(manifest, folder).packed == COUNT - 10


def test_damage_is_found_and_mended(manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    pack(manifest, folder)
    assert verify_pack(folder) == []
    file = folder / "000002.pixels"
    data = bytearray(file.read_bytes())
    data[1000] ^= 1
    file.write_bytes(data)
    packed = Pack(folder)
    assert len(packed.read(packed.find(TextColumn.of(["0.jpg", "23.jpg"])))) == 2, "others can be read"
    with pytest.raises(RunError, match=r"000002\.pixels is damaged\. `dyml data pack MANIFEST .* --verify`"):
        packed.read(packed.find(TextColumn.of(["0.jpg", "11.jpg"])))
    assert verify_pack(folder) == [2]
    assert pack(manifest, folder).packed == 5
    assert verify_pack(folder) == []
    (folder / "000001.pixels").write_bytes(b"short")
    with pytest.raises(RunError, match=r"000001\.pixels has 5 bytes, not 3,840.*--verify"):
        Pack(folder)


def test_what_is_no_pack_is_refused(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no pack\. `dyml data pack MANIFEST"):
        Pack(tmp_path)
    with pytest.raises(RunError, match=r"holds .* and is no pack\. Choose a new folder"):
        pack(manifest, manifest.root)
    pack(manifest, tmp_path / "pack")
    with pytest.raises(RunError, match=r"holds pictures of 16 px, colour; 20 px, grey was asked for"):
        pack(manifest, tmp_path / "pack", Recipe(20, 1))
    (tmp_path / "pack" / "pack.json").write_text('{"format": 9}')
    with pytest.raises(RunError, match="is a pack of format 9; this version reads 1"):
        Pack(tmp_path / "pack")
    (tmp_path / "pack" / "pack.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        Pack(tmp_path / "pack")
    for wrong in ((0, 3, None), (16, 2, None), (16, 3, 8)):
        with pytest.raises(InputError):
            Recipe(*wrong)


def test_other_pictures_of_the_same_names_are_refused(manifest: Manifest, tmp_path: Path) -> None:
    pack(manifest, tmp_path / "pack")
    other = tmp_path / "other"
    other.mkdir()
    for i in range(COUNT):
        draw(other / f"{i}.jpg", np.random.default_rng(i + 50), (30, 30))
    moved = Manifest(other, manifest.paths, manifest.labels, None, manifest.taxonomy)
    with pytest.raises(
        RunError, match=r"was packed from .*photos, and pictures of .*other have the same names"
    ):
        pack(moved, tmp_path / "pack")


def test_a_pack_goes_to_other_processes(manifest: Manifest, tmp_path: Path) -> None:
    pack(manifest, tmp_path / "pack")
    packed = PackedDataset(manifest, Pack(tmp_path / "pack"))
    first = packed[0][0]
    again = pickle.loads(pickle.dumps(packed))
    assert torch.equal(again[0][0], first)


def test_each_folder_and_recipe_has_a_place_in_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYML_CACHE", str(tmp_path))
    places = {
        pack_folder(tmp_path / name, recipe)
        for name in ("a", "b/a")
        for recipe in (SMALL, Recipe(16, 1), Recipe(16, 3, 20), Recipe(16, 3, 16))
    }
    assert len(places) == 6
    assert all(place.parent == tmp_path / "packs" for place in places)
