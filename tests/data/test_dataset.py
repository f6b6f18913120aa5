"""Pictures as torch datasets: items, batches, seeds, workers, memory."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data.augment import Augment, eval_transform, fit_size, train_transform
from dyml.data.dataset import Batch, ImageDataset, RamDataset, collate, ram_bytes, seeded
from dyml.data.images import open_image
from dyml.data.samplers import Draw, MPerClassSampler, SeededBatches
from dyml.errors import ImageError, InputError

COUNT = 40


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = [f"{i}.png" for i in range(COUNT)]
    for i, path in enumerate(paths):
        shape = (30 + i % 3 * 10, 40, 3)
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(root / path)
    fine = [i % 10 for i in range(COUNT)]
    columns = {
        "path": paths,
        "fine": [f"f{c}" for c in fine],
        "middle": [f"m{c // 2}" for c in fine],
        "coarse": ["c0" if c < 4 else "c1" for c in fine],
    }
    write_manifest(columns, root / "manifest.csv")
    return read_manifest(root)


def test_an_item_is_picture_labels_index(manifest: Manifest) -> None:
    dataset = ImageDataset(manifest)
    image, labels, index = dataset[3]
    assert len(dataset) == COUNT
    assert index == 3
    assert labels.dtype == torch.int64
    assert labels.tolist() == manifest.labels[3].tolist()
    pixels = np.asarray(open_image(manifest.full_path(3)))
    np.testing.assert_array_equal(image.numpy(), pixels.transpose(2, 0, 1))
    assert ImageDataset(manifest, channels=1)[3][0].shape == (1, 30, 40)


def test_a_draw_decides_its_augmentation_alone(manifest: Manifest) -> None:
    dataset = ImageDataset(manifest, train_transform(Augment(crop_scale=(0.2, 0.8)), 16))
    first = dataset[Draw(5, 123)]
    torch.manual_seed(99)
    dataset[Draw(6, 7)]
    again = dataset[Draw(5, 123)]
    assert first[2] == again[2] == 5
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], dataset[Draw(5, 124)][0])


def test_a_draw_leaves_the_generator_as_it_was(manifest: Manifest) -> None:
    dataset = ImageDataset(manifest, train_transform(Augment(crop_scale=(0.2, 0.8)), 16))
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    dataset[Draw(0, 5)]
    assert torch.equal(torch.rand(3), expected)


def test_the_generator_comes_back_after_an_error() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    with pytest.raises(KeyError), seeded(8):
        raise KeyError
    assert torch.equal(torch.rand(2), expected)


def batches(dataset: ImageDataset | RamDataset, workers: int, epoch: int = 0) -> list[Batch]:
    sampler = SeededBatches(MPerClassSampler(dataset.labels[:, 0].numpy(), 8, per_class=2), seed=3)
    sampler.set_epoch(epoch)
    return list(DataLoader(dataset, batch_sampler=sampler, collate_fn=collate, num_workers=workers))


def test_augmented_batches_do_not_depend_on_workers(manifest: Manifest) -> None:
    dataset = ImageDataset(manifest, train_transform(Augment(crop_scale=(0.2, 0.8), flip=0.5), 16))
    alone, helped, later = batches(dataset, 0), batches(dataset, 2), batches(dataset, 0, epoch=1)
    assert len(alone) == 5
    for a, b in zip(alone, helped, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    assert not torch.equal(alone[0].images, later[0].images)


def test_ram_batches_do_not_depend_on_workers(manifest: Manifest) -> None:
    dataset = RamDataset(manifest, 16)
    for a, b in zip(batches(dataset, 0), batches(dataset, 2), strict=True):
        assert isinstance(b, Batch)
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_pictures_in_memory_are_the_eval_pipeline(manifest: Manifest) -> None:
    ram, files = RamDataset(manifest, 16), ImageDataset(manifest, eval_transform(16))
    assert ram.images.shape == (COUNT, 3, 16, 16)
    assert ram.images.dtype == torch.uint8
    for i in (0, 17, COUNT - 1):
        assert torch.equal(ram[i][0], files[i][0])
        assert torch.equal(ram[Draw(i, 5)][1], files[i][1])
    assert len(ram) == COUNT


def test_pictures_in_memory_may_be_squashed_and_grey(manifest: Manifest) -> None:
    ram = RamDataset(manifest, 16, channels=1, squash=True, threads=2)
    picture = fit_size(open_image(manifest.full_path(4), 1), 16, squash=True)
    np.testing.assert_array_equal(ram.images[4, 0].numpy(), np.asarray(picture))


def test_threads_do_not_change_the_pictures(manifest: Manifest) -> None:
    assert torch.equal(RamDataset(manifest, 16, threads=1).images, RamDataset(manifest, 16, threads=4).images)


def test_a_ram_batch_comes_collated(manifest: Manifest) -> None:
    ram = RamDataset(manifest, 16)
    batch = ram.__getitems__([3, Draw(1, 9), 3])
    assert batch.index.tolist() == [3, 1, 3]
    assert torch.equal(batch.images[0], ram.images[3])
    assert batch.labels.tolist() == manifest.labels[[3, 1, 3]].tolist()
    assert collate(batch) is batch


def test_a_batch_of_one_keeps_its_shape(manifest: Manifest) -> None:
    batch = collate([ImageDataset(manifest, eval_transform(16))[0]])
    assert batch.images.shape == (1, 3, 16, 16)
    assert batch.labels.shape == (1, 3)
    assert batch.index.shape == (1,)
    assert RamDataset(manifest, 16).__getitems__([0]).images.shape == (1, 3, 16, 16)


def test_too_much_memory_is_refused_before_decoding(manifest: Manifest) -> None:
    assert ram_bytes(10, 8, 3) == 1920
    with pytest.raises(InputError, match=r"40 pictures of 5000 × 5000 × 3 take 2\.79 GB .*max_bytes"):
        RamDataset(manifest, 5000, max_bytes=2**30)


def broken(manifest: Manifest, tmp_path: Path) -> Manifest:
    for i, path in enumerate(manifest.paths):
        (tmp_path / path).write_bytes(manifest.full_path(i).read_bytes())
    (tmp_path / "7.png").write_bytes(b"no picture")
    return Manifest(tmp_path, manifest.paths, manifest.labels, None, manifest.taxonomy)


def test_an_unreadable_picture_is_named(manifest: Manifest, tmp_path: Path) -> None:
    bad = broken(manifest, tmp_path)
    with pytest.raises(ImageError, match=r"7\.png"):
        RamDataset(bad, 16)
    with pytest.raises(ImageError, match=r"7\.png"):
        ImageDataset(bad)[7]


def test_a_large_jpeg_is_decoded_close_to_whole(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(800), np.arange(1200)) % 256
    Image.fromarray(np.minimum(ramp, 255 - ramp).astype(np.uint8)).save(tmp_path / "a.jpg", quality=95)
    write_manifest({"path": ["a.jpg"], "fine": ["x"]}, tmp_path / "manifest.csv")
    manifest = read_manifest(tmp_path)
    ram, whole = (
        RamDataset(manifest, 64, channels=1),
        ImageDataset(manifest, eval_transform(64, 1), channels=1),
    )
    difference = ram[0][0].float() - whole[0][0].float()
    assert difference.abs().max() <= 8
    assert torch.equal(
        ram[0][0], ImageDataset(manifest, eval_transform(64, 1), channels=1, min_size=128)[0][0]
    )
