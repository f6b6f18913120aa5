"""Pictures that go bad while a run goes on: counted, replaced in a repeatable way, refused when too many."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data.augment import Augment
from dyml.data.dataset import RamDataset, collate
from dyml.data.faults import Faults
from dyml.data.samplers import Draw, MPerClassSampler, SeededBatches
from dyml.data.view_dataset import ViewDataset
from dyml.errors import ImageError

COUNT = 24


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    paths = [f"{i}.png" for i in range(COUNT)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(tmp_path / path)
    fine, coarse = ([f"{n}{i // size}" for i in range(COUNT)] for n, size in (("f", 4), ("c", 12)))
    write_manifest({"path": paths, "fine": fine, "coarse": coarse}, tmp_path / "manifest.csv")
    return read_manifest(tmp_path)


def views(manifest: Manifest, most: float = 0.2) -> ViewDataset:
    return ViewDataset(manifest, Augment(crop_scale=(0.3, 1)), 12, 3, Faults(manifest, most))


def epoch(dataset: ViewDataset, workers: int) -> list[torch.Tensor]:
    sampler = SeededBatches(MPerClassSampler(dataset.manifest.labels[:, 0], 8, 2), seed=3)
    loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, num_workers=workers)
    return [tensor for batch in loader for tensor in batch]


def test_batches_keep_their_structure_whatever_the_workers(manifest: Manifest) -> None:
    whole = epoch(views(manifest), 0)
    manifest.full_path(5).write_bytes(b"broken")
    manifest.full_path(17).unlink()
    runs = []
    for workers in (0, 2):
        dataset = views(manifest)
        runs.append(epoch(dataset, workers))
        assert dataset.faults.rows == [5, 17], "workers tell the first process"
    assert all(torch.equal(a, b) for a, b in zip(*runs))
    for before, after in zip(whole[1::3], runs[0][1::3]):
        assert torch.equal(before, after), "labels are those of the plan"
    rows = torch.cat(runs[0][2::3]).tolist()
    assert not {5, 17} & set(rows)
    planned = torch.cat(whole[2::3]).tolist()
    assert [a for a, b in zip(planned, rows) if a != b] == [a for a in planned if a in (5, 17)]


def test_a_stand_in_follows_from_row_and_seed(manifest: Manifest) -> None:
    faults = Faults(manifest)
    orders = [tuple(faults.order(5, seed)) for seed in range(20)]
    assert orders == [tuple(Faults(manifest).order(5, seed)) for seed in range(20)]
    assert len({order[:4] for order in orders}) > 3
    for order in orders:
        assert order[0] == 5
        assert set(order[1:4]) == {4, 6, 7}, "its own class first"
        assert set(order[4:]) == set(range(12)) - {5}, "then its coarser class"


def test_a_class_without_a_good_picture_is_filled_from_its_coarser_class(manifest: Manifest) -> None:
    for i in range(4, 8):
        manifest.full_path(i).unlink()
    dataset = views(manifest, most=0.5)
    picture, labels, row = dataset[Draw(5, 1)]
    assert row in (0, 1, 2, 3, 8, 9, 10, 11)
    assert labels.tolist() == manifest.labels[row].tolist()
    assert picture.shape == (3, 12, 12)
    for i in range(COUNT):
        manifest.full_path(i).unlink(missing_ok=True)
    with pytest.raises(ImageError, match="no picture of class 'f1' or its neighbours can be opened"):
        views(manifest, most=1)[Draw(5, 1)]


def test_too_many_are_refused_by_name(manifest: Manifest) -> None:
    manifest.full_path(3).unlink()
    dataset = views(manifest, most=0.01)
    with pytest.raises(
        ImageError, match=r"1 of 24 pictures cannot be opened, more than 1%.*3\.png: no such file"
    ):
        dataset[3]
    assert "3.png" in dataset.faults.report()


def test_the_report_counts_and_names(manifest: Manifest) -> None:
    faults = Faults(manifest, most=1)
    assert faults.report() == ""
    manifest.full_path(2).write_bytes(b"")
    for row in range(7):
        faults.note(row)
    assert len(faults) == 7
    text = faults.report()
    assert text.startswith("7 of 24 pictures could not be opened; others of their classes stood in: ")
    assert "0.png: could not be opened then, and can be now." in text
    assert "2.png: is empty (0 bytes)" in text
    assert text.endswith("And 2 more.")


def test_pictures_in_memory_are_replaced_too(manifest: Manifest) -> None:
    manifest.full_path(9).write_bytes(b"broken")
    with pytest.raises(ImageError, match=r"9\.png: is none of"):
        RamDataset(manifest, 8)
    faults = Faults(manifest, 0.05)
    dataset = RamDataset(manifest, 8, faults=faults)
    batch = dataset.__getitems__([Draw(9, 1), Draw(8, 1)])
    assert batch.index[0] in (8, 10, 11)
    assert torch.equal(batch.labels[0], torch.from_numpy(manifest.labels[9]))
    assert torch.equal(batch.images[0], dataset.images[batch.index[0]])
