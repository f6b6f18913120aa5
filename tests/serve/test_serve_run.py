"""From a model folder and its gallery to the service, as the command line puts them together."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from serve_parts import tiny_gauge

from command_line import dyml
from dyml.data import read_manifest
from dyml.errors import ConfigError
from dyml.index import Gallery
from dyml.models import Embedder
from dyml.serve import Limits, create_app, new_key, read_keys
from dyml.serve.demonstration import demo_gallery
from dyml.serve.running import check_origins, host_names, open_door


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a gauge, pictures with a manifest, and the gallery of them."""
    place = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    lines = ["path,fine,middle,coarse"]
    (place / "pictures").mkdir()
    for number in range(16):
        pixels = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "pictures" / f"{number}.png")
        lines.append(f"{number}.png,f{number // 2},m{number // 4},c{number // 8}")
    (place / "pictures" / "manifest.csv").write_text("\n".join(lines) + "\n")
    embedder = Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4})
    embedder.save_pretrained(place / "model")
    tiny_gauge().save(place / "model")
    manifest = read_manifest(place / "pictures", ("fine", "middle", "coarse"))
    gallery = Gallery.create(
        place / "gallery", 12, manifest.scales, model=str(place / "model"), root=manifest.root
    )
    gallery.add_manifest(Embedder.from_pretrained(place / "model"), manifest)
    return place


def test_model_gallery_and_gauge_meet_in_the_service(folder: Path) -> None:
    embedder = Embedder.from_pretrained(folder / "model")
    gallery = Gallery.open(folder / "gallery", model=str(folder / "model"))
    with TestClient(create_app(embedder, gallery)) as client:
        for number in (0, 7, 15):
            data = (folder / "pictures" / f"{number}.png").read_bytes()
            answer = client.post(
                "/v1/search", files={"file": data}, data={"k": "4", "group_by": "middle"}
            ).json()
            best = answer["results"][0]
            assert best["id"] == f"{number}.png"
            assert best["similarity"] == pytest.approx(1, abs=1e-4)
            assert best["labels"] == {
                "fine": f"f{number // 2}",
                "middle": f"m{number // 4}",
                "coarse": f"c{number // 8}",
            }
            assert list(best["probabilities"]) == ["fine", "middle", "coarse"]
            assert len(answer["groups"]) == 4
            assert client.get("/v1/pictures", params={"id": best["id"]}).content == data
            assert client.get("/v1/thumbnails", params={"id": best["id"]}).status_code == 200
        assert client.get("/v1/scales").json()["model"] == gallery.info.model
        assert len(client.get("/v1/map").json()["ids"]) == 16


def test_the_command_refuses_what_does_not_fit(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    Embedder("dyml_small", dim=12, image_size=16, backbone_args={"width": 4}).save_pretrained(other)
    for words, says in (
        ([], "name a model and a gallery"),
        ([other, folder / "gallery", "--port", 0], "another model"),
        ([folder / "model", tmp_path / "nothing", "--port", 0], "no gallery"),
        ([tmp_path / "nothing", folder / "gallery", "--port", 0], "no model"),
        (["--demo", "--run", tmp_path / "nothing"], "dyml demo"),
        ([folder / "model", folder / "gallery", "--limit", "pixls=3"], "Did you mean 'pixels'"),
        ([folder / "model", folder / "gallery", "--limit", "pixels=many"], "not a number"),
        ([folder / "model", folder / "gallery", "--limit", "k=0"], "k"),
        ([folder / "model", folder / "gallery", "--log-level", "infos"], "Did you mean 'info'"),
        ([folder / "model", folder / "gallery", "--port", 0, "--runtime", "onx"], "Did you mean 'onnx'"),
        ([folder / "model", folder / "gallery", "--port", 0, "--runtime", "onnx"], "`dyml export"),
        ([folder / "model", folder / "gallery", "--keys", tmp_path / "none"], "cannot read the keys file"),
        ([folder / "model", folder / "gallery", "--cors", "*"], "--cors"),
        (["--new-key", "wirte"], "Did you mean 'write'"),
    ):
        done = dyml("serve", *words)
        assert done.returncode == 2, words
        assert says in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_a_new_key_lets_in(tmp_path: Path) -> None:
    words = dyml("serve", "--new-key", "write").stdout.splitlines()
    key, line = (text.partition(":")[2].strip() for text in words)
    (tmp_path / "keys").write_text(line)
    found = read_keys(tmp_path / "keys").find(key)
    assert found is not None
    assert found.role == "write"
    assert new_key("read")[0] != new_key("read")[0]


def test_limits_are_listed() -> None:
    told = dyml("serve", "--limit", "help").stdout
    assert all(f"{name}=" in told for name in Limits.model_fields)


@pytest.mark.parametrize(
    "values", [{"batch": 300}, {"upload_bytes": 10**9}, {"held_bytes": 5}, {"pixels": 10**9}, {"unknown": 1}]
)
def test_limits_that_contradict_each_other(values: dict) -> None:
    with pytest.raises(ConfigError, match="limits of the service"):
        Limits(**values)


def test_doors_names_and_origins() -> None:
    with open_door("127.0.0.1", 0) as door, pytest.raises(ConfigError, match="cannot listen"):
        open_door("127.0.0.1", door.getsockname()[1])
    with pytest.raises(ConfigError, match="cannot listen"):
        open_door("203.0.113.9", 0)
    assert host_names("127.0.0.1", ["Shop"]) == ("127.0.0.1", "localhost", "[::1]", "shop")
    assert host_names("0.0.0.0") is None
    assert check_origins(["https://Shop.example"]) == ("https://shop.example",)
    for bad in ("*", "shop.example", "https://shop.example/", "null"):
        with pytest.raises(ConfigError, match="origin"):
            check_origins([bad])


def test_a_demonstration_that_has_not_run(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="make demo"):
        demo_gallery(tmp_path)
