"""The demonstration on tiny data: what it shows, where it goes on, what it leaves alone."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from dyml import demo
from dyml.index import Gallery
from dyml.training import Config
from dyml.training.settings import dump_text


@pytest.fixture
def tiny_demo(tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "glyphs.yaml"
    file.write_text(dump_text(tiny))
    monkeypatch.setattr(demo, "shipped_config", lambda name: file)
    return tmp_path / "runs" / "demo"


def shown(run: Path, epochs: int | None = None) -> str:
    console = Console(file=StringIO(), width=80)
    demo.run_demo(run, epochs, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_demo_compares_names_the_report_and_says_what_next(tiny_demo: Path) -> None:
    text = shown(tiny_demo, epochs=1)
    lines = text.splitlines()
    assert [word for word in ("untrained", "raw pixels", "trained") if f"│ {word}" in text] == [
        "untrained",
        "raw pixels",
        "trained",
    ]
    assert all(len(line) <= 80 for line in lines if line[:1] in "┏┃┡│└")
    assert any(line.startswith("overall ") and line.count(".") >= 8 for line in lines)  # one unwrapped row
    assert f"The report, for a browser:  {tiny_demo / 'report.html'}\n" in text
    assert f"The search page, with its dial:  dyml serve --demo --run {tiny_demo}\n" in text
    assert (tiny_demo / "model" / "gauge.json").is_file()
    with Gallery.open(tiny_demo / "gallery") as gallery:
        assert len(gallery) > 0
    assert "dyml data scan FOLDER" in text


def test_without_the_extra_the_demo_says_how_to_get_the_page(
    tiny_demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None if name == "faiss" else object())
    assert 'The search page needs faiss:  pip install "dyml[serve]"' in shown(tiny_demo, epochs=1)
    assert not (tiny_demo / "gallery").exists()


def test_a_finished_demo_is_left_and_a_stopped_one_goes_on(tiny_demo: Path) -> None:
    shown(tiny_demo, epochs=1)
    before = (tiny_demo / "metrics.json").read_bytes()
    second = tiny_demo.with_name("demo-2")
    assert str(second / "report.html") in shown(tiny_demo, epochs=1)
    (second / "metrics.json").unlink()
    assert shown(tiny_demo).startswith(f"going on with {second}")
    assert (tiny_demo / "metrics.json").read_bytes() == before
    assert not tiny_demo.with_name("demo-3").exists()
