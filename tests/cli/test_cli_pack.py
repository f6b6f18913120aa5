"""`dyml data pack` and what `dyml data check` remembers, from the command line."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.cli import main
from dyml.data import write_manifest

Said = tuple[int, str, str]
Run = Callable[..., Said]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DYML_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    root.mkdir()
    rng = np.random.default_rng(0)
    paths = [f"{i}.png" for i in range(12)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(root / path)
    write_manifest({"path": paths, "fine": [f"f{i // 4}" for i in range(12)]}, root / "manifest.csv")
    return root


@pytest.fixture
def dyml(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["dyml", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out, said.err

    return run


def test_pack_says_what_it_did_and_how_to_train_from_it(photos: Path, tmp_path: Path, dyml: Run) -> None:
    out = tmp_path / "pack"
    code, said, _ = dyml("data", "pack", photos, out, "--size", 16)
    assert code == 0
    assert f"{out}: 12 pictures of 16 px, colour, 0 MB; 12 packed now" in said
    assert f"`dyml train --data.pack {out} --data.size 16`" in said
    Image.new("RGB", (9, 9), "red").save(photos / "3.png")
    (photos / "5.png").unlink()
    code, said, _ = dyml("data", "pack", photos, out, "--size", 16, "--verify")
    assert code == 0
    assert "all shards are whole" in said
    assert "1 packed now" in said
    assert "- 1 had changed since they were packed" in said
    assert "- 1 files are no longer there; the packed pixels are kept" in said
    assert "- 1 older pictures take up space" in said
    pixels = out / "000000.pixels"
    pixels.write_bytes(bytes(pixels.stat().st_size))
    code, said, _ = dyml("data", "pack", photos, out, "--size", 16)
    assert (code, "0 packed now" in said) == (0, True)
    code, said, _ = dyml("data", "pack", photos, out, "--size", 16, "--verify")
    assert code == 1, "the picture whose file is gone is lost with its shard"
    assert "1 damaged shards" in said
    assert "- left out: " in said
    assert "5.png: no such file" in said


def test_pack_goes_to_the_cache_without_a_folder(photos: Path, tmp_path: Path, dyml: Run) -> None:
    code, said, _ = dyml("data", "pack", photos, "--size", 16, "--channels", 1)
    assert code == 0
    (folder,) = (tmp_path / "cache" / "packs").iterdir()
    assert f"{folder}: 12 pictures of 16 px, grey" in said
    assert "--data.pack auto" in said


def test_pack_refuses_in_one_line(photos: Path, dyml: Run) -> None:
    code, _, said = dyml("data", "pack", photos, photos, "--size", 16)
    assert code == 2
    assert said.startswith("Error: ")
    assert "is no pack. Choose a new folder." in said
    code, _, said = dyml("data", "pack", photos, photos / "x", "--channels", 2)
    assert (code, "channels 1 or 3" in said) == (2, True)


def test_check_remembers_and_can_be_told_not_to(
    photos: Path, dyml: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dyml("data", "check", photos)[0] == 0
    opened: list[Path] = []
    from dyml.data import looking

    real = looking.look_at

    def counting(path: Path) -> object:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(looking, "look_at", counting)
    assert dyml("data", "check", photos)[0] == 0
    assert opened == []
    assert dyml("data", "check", photos, "--fresh")[0] == 0
    assert len(opened) == 12
