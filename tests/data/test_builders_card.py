"""The data card: a closed page that says what a manifest holds."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data import Manifest, read_manifest, write_manifest
from dyml.data.builders import write_card
from dyml.data.builders.sizes_figure import sizes_figure
from dyml.errors import RunError


class Balanced(HTMLParser):
    """Checks that every element is closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "line", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "polygon"):
            assert self.open.pop() == tag


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """24 pictures of 10 classes, one of them with an unpleasant name; one picture is broken."""
    fine = [f"class {i % 10}" if i % 10 else '<b>&"x"</b>' for i in range(24)]
    for i in range(24):
        Image.fromarray(np.full((8, 8, 3), 10 * i, dtype=np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes(b"broken")
    write_manifest(
        {
            "path": [f"{i}.png" for i in range(24)],
            "fine": fine,
            "coarse": [f"group {i % 10 // 5}" for i in range(24)],
            "split": ["train" if i % 10 < 3 or 5 <= i % 10 < 8 else "test" for i in range(24)],
        },
        tmp_path / "manifest.csv",
    )
    return read_manifest(tmp_path)


def test_the_page_says_what_is_there(manifest: Manifest, tmp_path: Path) -> None:
    write_card(manifest, tmp_path / "card.html", "A <set>", ["made by hand & eye"])
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "<h1>A &lt;set&gt;</h1>" in page
    assert "24 pictures; classes, fine to coarse: 10 fine, 2 coarse." in page
    assert "<td>all</td><td>fine</td><td>10</td><td>24</td><td>2</td><td>2</td><td>3</td>" in page
    assert "Open-set: no fine class of train is in another split." in page
    assert "coarse: 2 of 2 classes are in several splits." in page
    assert "made by hand &amp; eye" in page
    assert "has 1.5 times the pictures of the smallest" in page
    assert "group 0, 14 pictures of 5 fine classes" in page
    assert page.count("<svg") == 2


def test_the_page_is_closed_and_names_are_harmless(manifest: Manifest, tmp_path: Path) -> None:
    write_card(manifest, tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert "<b>" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert page.count("data:image/jpeg") == 9
    assert page.count("cannot be opened") == 1


def test_a_split_that_is_not_open_set_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    columns = {
        "path": ["0.png", "1.png", "2.png"],
        "fine": ["a", "a", "b"],
        "split": ["train", "test", "test"],
    }
    write_manifest(columns, tmp_path / "manifest.csv")
    write_card(read_manifest(tmp_path), tmp_path / "card.html")
    page = (tmp_path / "card.html").read_text()
    assert "Not open-set: 1 fine classes of train are in another split: a." in page
    assert "1 fine classes have a single picture: b." in page
    write_card(read_manifest(tmp_path, use_split=False), tmp_path / "card.html")
    assert "There is no split." in (tmp_path / "card.html").read_text()
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write"):
        write_card(read_manifest(tmp_path), tmp_path / "file" / "card.html")


def test_class_sizes_are_drawn_within_the_picture() -> None:
    for sizes in ([1], [5, 1], [10_000, 100, 1], list(range(3_000, 0, -1))):
        drawing = sizes_figure(np.array(sizes))
        points = re.search(r'points="([^"]+)"', drawing)
        assert points is not None
        xy = np.array([[float(n) for n in point.split(",")] for point in points.group(1).split()])
        assert xy[:, 0].min() >= 48
        assert xy[:, 0].max() <= 716.1
        assert xy[:, 1].min() >= 7.9
        assert xy[:, 1].max() <= 102.1
        assert (np.diff(xy[1:-1, 1]) >= 0).all(), "larger classes stand higher"
        assert len(xy) < 900
