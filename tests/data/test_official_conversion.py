"""From a release to manifests, without copying pictures; and back into memory."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data import read_manifest
from dyml.data.channels import checked_order, in_order, swap_channels
from dyml.data.dataset import ImageDataset
from dyml.data.images import open_image
from dyml.data.official import convert, open_official, read_converted, read_release
from dyml.data.official.sheet import write_sheet
from dyml.errors import InputError, ManifestError, RunError
from official_sets import GALLERY, LABEL_HEADER, QUERIES, SCALES, TRAIN, TREE, glued, make_set


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("official")
    for name in ("vehicle", "product"):
        make_set(folder / f"dyml_{name}", name)
    return folder


@pytest.fixture
def vehicle(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "dyml_vehicle", tmp_path / "dyml_vehicle"))


@pytest.fixture
def product(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "dyml_product", tmp_path / "dyml_product"))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_manifests_lie_in_the_release_and_are_read_as_any_other(vehicle: Path) -> None:
    converted = convert(read_release(vehicle))
    assert files(vehicle) == [
        "bmk_coarse.csv",
        "bmk_fine.csv",
        "bmk_middle.csv",
        "manifest.csv",
        "official.json",
        "samples.png",
    ]
    assert converted.manifests["manifest.csv"] == TRAIN
    train = read_manifest(vehicle, SCALES)
    assert train.scales == read_manifest(vehicle).scales == SCALES
    assert train.splits == ("train",)
    assert train.taxonomy.num_classes == (12, 4, 2)
    assert train.paths[:2] == ["train/imgs/0.jpg", "train/imgs/1.jpg"], "the glued record is there"
    names = [[train.taxonomy.name(m, label) for m, label in enumerate(row)] for row in train.labels[:12]]
    assert names == [[str(number) for number in row] for row in TREE]
    pictures = ImageDataset(train)
    image, labels, _ = pictures[5]
    assert image.shape == (3, 16, 16)
    assert labels.tolist() == train.labels[5].tolist()


def test_each_scale_has_its_queries_and_gallery(vehicle: Path) -> None:
    convert(read_release(vehicle))
    for scale, classes in zip(SCALES, (12, 4, 2)):
        manifest = read_manifest(vehicle / f"bmk_{scale}.csv")
        assert manifest.scales == (scale,)
        assert manifest.splits == ("gallery", "query")
        assert len(manifest.only("query")) == QUERIES
        assert len(manifest.only("gallery")) == GALLERY
        assert manifest.taxonomy.num_classes == (classes,)
        assert manifest.only("query").paths[0] == f"bmk_{scale}/query/0.jpg"
        assert manifest.full_path(0).is_file()


def test_product_is_one_manifest_with_a_test_split(product: Path) -> None:
    convert(read_release(product))
    manifest = read_manifest(product, SCALES)
    assert manifest.splits == ("train", "test")
    test = manifest.only("test")
    assert len(test) == 36
    assert test.taxonomy.num_classes == (12, 4, 2)
    # The miniature's benchmark has the numbers of the training classes, which must not make it the same.
    assert manifest.taxonomy.num_classes == (24, 8, 4)
    assert (test.taxonomy.names or ())[2] == ("bmk-0", "bmk-1")
    assert test.paths[0] == "mini-bmk_all_in_one/imgs/0.jpg"


def test_manifests_elsewhere_record_where_the_pictures_are(vehicle: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifests" / "vehicle"
    before = files(vehicle)
    convert(read_release(vehicle), out, channels="swapped")
    assert files(vehicle) == before
    value = json.loads((out / "official.json").read_text())
    assert value["root"] == str(vehicle.resolve())
    assert (value["set"], value["channels"], value["title"]) == ("vehicle", "swapped", "DyML-Vehicle")
    manifest = read_manifest(out, SCALES, root=value["root"])
    assert manifest.full_path(0).is_file()
    official = open_official(out)
    assert (official.root, official.channels) == (vehicle.resolve(), "swapped")


def test_a_converted_folder_can_be_moved_whole(vehicle: Path) -> None:
    convert(read_release(vehicle))
    moved = vehicle.rename(vehicle.with_name("elsewhere"))
    official = open_official(moved)
    assert official.name == "vehicle"
    assert official.benchmarks["fine",].full_path(0).is_file()


@pytest.mark.parametrize("name", ["vehicle", "product"])
def test_a_release_opens_as_its_conversion_does(made: Path, tmp_path: Path, name: str) -> None:
    root = made / f"dyml_{name}"
    convert(read_release(root), tmp_path)
    raw, converted = open_official(root), open_official(tmp_path)
    assert raw.name == converted.name == name
    assert raw.channels == "stored"
    assert raw.train is not None
    assert converted.train is not None
    assert raw.benchmarks.keys() == converted.benchmarks.keys()
    for mine, other in [
        (raw.train, converted.train),
        *zip(raw.benchmarks.values(), converted.benchmarks.values()),
    ]:
        assert mine.paths == other.paths
        assert mine.split == other.split
        assert (mine.labels == other.labels).all()
        assert mine.taxonomy == other.taxonomy
    assert open_official(root, benchmark_only=True).train is None


def test_nothing_is_written_over_without_force(vehicle: Path) -> None:
    convert(read_release(vehicle))
    with pytest.raises(ManifestError, match=r"has manifest.csv, .* already; --force writes over"):
        convert(read_release(vehicle))
    convert(read_release(vehicle), channels="swapped", force=True)
    assert read_converted(vehicle).channels == "swapped"


def test_a_fault_stops_the_conversion_unless_told_otherwise(vehicle: Path) -> None:
    table = vehicle / "bmk_fine/query.csv"
    table.write_text(table.read_text()[:-4])
    with pytest.raises(ManifestError, match="is cut short"):
        convert(read_release(vehicle))
    assert "manifest.csv" not in files(vehicle)
    with pytest.raises(ManifestError, match="is cut short"):
        open_official(vehicle)
    converted = convert(read_release(vehicle), skip_missing=True)
    assert converted.manifests["bmk_fine.csv"] == GALLERY
    assert converted.manifests["bmk_middle.csv"] == GALLERY + QUERIES


def test_rows_without_a_picture_and_repeated_ones_can_be_left_out(vehicle: Path) -> None:
    (vehicle / "train/imgs/0.jpg").unlink()
    shutil.rmtree(vehicle / "bmk_coarse/query")
    table = vehicle / "train/label.csv"
    table.write_text(table.read_text() + "5.jpg, 0, 39, 3\n")
    converted = convert(read_release(vehicle), skip_missing=True)
    assert converted.manifests["manifest.csv"] == TRAIN - 1
    assert converted.manifests["bmk_coarse.csv"] == GALLERY
    manifest = read_manifest(vehicle, SCALES)
    assert manifest.paths[0] == "train/imgs/1.jpg"
    assert all(manifest.full_path(row).is_file() for row in range(len(manifest)))


def test_nothing_left_is_an_error(vehicle: Path) -> None:
    for folder in ("train/imgs", *(f"bmk_{s}/{side}" for s in SCALES for side in ("query", "gallery"))):
        shutil.rmtree(vehicle / folder)
    with pytest.raises(ManifestError, match="none of the pictures is there"):
        convert(read_release(vehicle), skip_missing=True)


def test_classes_that_do_not_nest_become_classes_of_their_own(product: Path) -> None:
    rows = ["0.jpg, 0, 40, 3", "1.jpg, 0, 39, 3", "2.jpg, 0, 39, 4"]
    (product / "train/label.csv").write_text(glued(LABEL_HEADER, rows))
    convert(read_release(product))
    train = read_manifest(product, SCALES).only("train")
    assert (train.taxonomy.names or ())[0] == ("39/3", "4", "40/3")


def test_a_folder_that_cannot_be_written_says_so(vehicle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        convert(read_release(vehicle), tmp_path / "file" / "out")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"set": "cars", "root": ".", "channels": "stored"}', "\xff"]
)
def test_a_spoiled_record_says_how_to_write_it_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "official.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ManifestError, match=r"official.json: not as `dyml data official` writes it"):
        open_official(tmp_path)


def test_opening_says_what_is_wrong(vehicle: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no .*official.json"):
        read_converted(tmp_path)
    convert(read_release(vehicle), tmp_path / "out")
    with pytest.raises(ManifestError, match="is the set vehicle, not animal"):
        open_official(tmp_path / "out", "animal")
    vehicle.rename(tmp_path / "moved")
    with pytest.raises(ManifestError, match=r"the pictures are not at .* any more"):
        open_official(tmp_path / "out")


def test_channels_are_swapped_on_the_way_and_never_on_disk(vehicle: Path) -> None:
    stored = (vehicle / "train/imgs/0.jpg").read_bytes()
    convert(read_release(vehicle), channels="swapped")
    official = open_official(vehicle)
    assert official.train is not None
    assert {m.channel_order for m in (official.train, *official.benchmarks.values())} == {"swapped"}
    assert official.train.subset([0, 1]).channel_order == "swapped"
    assert official.train.full_path(0).read_bytes() == stored
    picture = open_image(official.train.full_path(0))
    pixels = np.asarray(picture)
    assert pixels[..., 0].mean() > 2 * pixels[..., 2].mean(), "red is high as stored"
    assert (np.asarray(in_order(picture, "swapped")) == pixels[..., ::-1]).all()
    assert in_order(picture, "stored") is picture
    with pytest.raises(InputError, match=r"no channel order 'swaped'; .* Did you mean 'swapped'\?"):
        checked_order("swaped")


def test_swapping_twice_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    assert (np.asarray(swap_channels(picture)) == pixels[..., ::-1]).all()
    assert (np.asarray(swap_channels(swap_channels(picture))) == pixels).all()


def test_the_sheet_shows_both_orders_one_above_the_other(vehicle: Path, tmp_path: Path) -> None:
    manifest = open_official(vehicle).train
    assert manifest is not None
    (vehicle / manifest.paths[0]).write_bytes(b"broken")
    assert write_sheet(manifest, tmp_path / "sheet.png", pictures=6) == 6
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    half = len(sheet) // 2
    upper, lower = sheet[16 : 16 + 112], sheet[half + 16 : half + 16 + 112]
    assert (upper[..., ::-1] == lower).all()
    assert not (upper == lower).all()


def test_no_sheet_is_written_of_pictures_that_do_not_open(vehicle: Path, tmp_path: Path) -> None:
    manifest = open_official(vehicle).train
    assert manifest is not None
    shutil.rmtree(vehicle / "train/imgs")
    assert write_sheet(manifest, tmp_path / "sheet.png") == 0
    assert not (tmp_path / "sheet.png").exists()
