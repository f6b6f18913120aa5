"""The whole report: it is one closed file, says what it should, and survives odd data."""

import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dyml.data.manifest import Manifest, read_manifest, tree_of
from dyml.errors import InputError, RunError
from dyml.metrics import Result, evaluate
from dyml.report import teaser, write_report

EVIL = '<script>alert("x")</script>'
VOID = {"meta", "img", "br", "wbr", "link", "hr", "input"}


class Checker(HTMLParser):
    """Collects tags, ids and links, and complains where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.alts: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags[tag] += 1
        self.ids.update(value for name, value in attrs if name == "id" and value)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name in values)
        if tag == "img":
            self.alts.append(values["alt"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def make(folder: Path, labels: np.ndarray, names: list[list[str]], scales: list[str]) -> Manifest:
    """A manifest whose pictures are small squares of a colour by fine class."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (labels[:, 0].max() + 1, 3))
    paths = [f"{row}.png" for row in range(len(labels))]
    for path, fine in zip(paths, labels[:, 0]):
        Image.new("RGB", (24, 32), tuple(colours[fine].tolist())).save(folder / path)
    return Manifest(folder, paths, labels, None, tree_of(labels, scales, names))


def nested(count: int, classes: list[int]) -> np.ndarray:
    """Labels of `count` rows with so many classes a scale, fine to coarse, nested."""
    columns = [np.arange(count) % classes[0]]
    for finer, coarser in pairwise(classes):
        columns.append(columns[-1] * coarser // finer)
    return np.stack(columns, axis=1).astype(np.int64)


def vectors_for(labels: np.ndarray, noise: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(column.max() + 1, 12))[column] for column in labels.T]
    return (sum(parts) + noise * rng.normal(size=(len(labels), 12))).astype(np.float32)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], dict]:
    """Arguments of a report with everything in it."""
    folder = tmp_path_factory.mktemp("usual")
    labels = nested(60, [12, 4, 2])
    names = [[f"f{i}" for i in range(12)], [f"m{i}" for i in range(4)], ["animals & <b>beasts</b>", "plants"]]
    names[0][0], names[1][0] = EVIL, "$x$ _under_"
    manifest = make(folder, labels, names, ["fine", "middle", "coarse"])
    vectors = vectors_for(labels)
    curves = folder / "metrics.csv"
    curves.write_text("epoch,step,loss,validation overall mAP\n0,1,4.0,\n0,2,,0.5\n1,3,2.0,0.7\n")

    def result(x: np.ndarray) -> Result:
        return evaluate(x, labels, scales=manifest.scales)

    arguments = {
        "title": f"A title {EVIL}",
        "result": result(vectors),
        "embeddings": vectors,
        "manifest": manifest,
        "baselines": {f"untrained {EVIL}": result(vectors_for(labels, 9.0))},
        "curves": curves,
        "settings": {
            "date": "2024-05-06",
            "optim": {"lr": 0.1, "note": EVIL, "deep": {"er": [1, 2]}},
            "amp": None,
        },
    }
    return lambda: dict(arguments)


@pytest.fixture(scope="module")
def written(usual: Callable[[], dict], tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("written") / "report.html"
    assert write_report(target, **usual()) == target
    return target.read_text(encoding="utf-8")


def test_the_page_is_closed_and_well_formed(written: str) -> None:
    page = Checker(written)
    assert page.open == []
    assert [name for name, count in page.ids.items() if count > 1] == []
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not re.search(r"https?://(?!www\.w3\.org)", written)
    assert "url(http" not in written
    assert "@import" not in written
    assert page.tags["script"] == 0
    assert len(written) < 2_000_000


def test_text_from_the_user_is_escaped_everywhere(written: str) -> None:
    assert "<script" not in written
    assert "<b>beasts" not in written
    assert written.count("&lt;script&gt;alert(") >= 6
    assert "animals &amp; &lt;b&gt;beasts&lt;/b&gt;" in written


def test_names_in_figures_are_not_read_as_mathematics(written: str) -> None:
    assert "$x$" in written


def test_every_section_is_there_with_headings_and_captions(written: str) -> None:
    page = Checker(written)
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", written)
    assert titles == ["Results", "Nearest neighbours", "Dynamic range", "Training", "Map", "How it was made"]
    assert page.tags["h1"] == 1
    assert written.count("<caption") == page.tags["table"]
    assert page.tags["figcaption"] == page.tags["figure"]
    assert written.count('role="img" aria-label="') == page.tags["svg"] - 1
    assert all(page.alts)
    assert "2024-05-06" in re.findall(r"<header>.*?</header>", written, flags=re.DOTALL)[0]
    assert "optim" in written
    assert "deep.er" in written


def test_tables_hold_the_measures_of_the_model_and_of_the_baseline(written: str, usual: Callable) -> None:
    arguments = usual()
    table = re.findall(r'<table class="results">.*?</table>', written, flags=re.DOTALL)[0]
    columns = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', table)
    assert columns[:8] == ["scale", "method", "CMC@1", "CMC@5", "CMC@10", "CMC@20", "mAP", "ASI"]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr.*?</tr>", table)[1:]]
    assert len(rows) == 8
    baseline = next(iter(arguments["baselines"].values()))
    for place, result in enumerate((arguments["result"], baseline)):
        values = result.to_dict()
        for group, scale in enumerate(("fine", "middle", "coarse", "overall")):
            expected = [f"{100 * values[scale][name]:.1f}" for name in columns[2:]]
            assert rows[2 * group + place] == expected
        assert f"{100 * values['multi']['H-AP']:.1f}" in written


def test_frames_tell_the_scales_that_neighbours_share(written: str) -> None:
    tiles = re.findall(r'<li class="level(\d)"><figure>.*?alt="(.*?)"', written)
    assert len(tiles) == 80
    words = {"3": "fine", "2": "middle", "1": "coarse", "0": "nothing"}
    for level, alt in tiles:
        assert f"shares {words[level]};" in alt
    shown = re.findall(r'<tr class="level\d">.*?<td>(\d+)</td>', written)[:4]
    assert shown == [str(sum(level == place for level, _ in tiles)) for place in "3210"]


def test_the_same_arguments_write_the_same_bytes(usual: Callable, written: str, tmp_path: Path) -> None:
    again = write_report(tmp_path / "again.html", **usual()).read_text(encoding="utf-8")
    assert again == written
    other = write_report(tmp_path / "other.html", **usual(), seed=1).read_text(encoding="utf-8")
    assert other != written


def test_figures_take_their_colours_from_the_theme(written: str) -> None:
    assert "#fe0" not in written
    drawings = "".join(re.findall(r'<svg class="drawing".*?</svg>', written, flags=re.DOTALL))
    used = set(re.findall(r"var\(--(\w+)\)", drawings))
    assert {"ink", "soft", "line", "level0", "level1", "level2", "level3", "class0", "class1"} <= used
    assert used <= set(re.findall(r"--(\w+):", written))
    assert "DejaVu" not in drawings


def simple(folder: Path, count: int, classes: list[int]) -> dict:
    labels = nested(count, classes)
    scales = [f"scale{m}" for m in range(len(classes))]
    names = [[f"s{m}c{i}" for i in range(column.max() + 1)] for m, column in enumerate(labels.T)]
    manifest = make(folder, labels, names, scales)
    vectors = vectors_for(labels)
    result = evaluate(vectors, labels, scales=scales)
    return {"title": "t", "result": result, "embeddings": vectors, "manifest": manifest}


@pytest.mark.parametrize(
    ("count", "classes"),
    [(2, [1, 1]), (3, [2, 1]), (30, [5]), (40, [20, 10, 5, 3, 2]), (24, [8, 1]), (60, [40, 20, 15])],
)
def test_odd_shapes_of_data(tmp_path: Path, count: int, classes: list[int]) -> None:
    arguments = simple(tmp_path, count, classes)
    written = write_report(tmp_path / "r.html", **arguments).read_text(encoding="utf-8")
    assert Checker(written).open == []
    for level in range(len(classes) + 1):
        assert f".level{level}{{--mine" in written
    assert "nan" not in re.sub(r"base64,[^\"]*", "", written).lower().replace("finance", "")
    with Image.open(teaser(arguments["embeddings"], arguments["manifest"], tmp_path / "t.png")) as picture:
        assert picture.size == (1600, 700)


def test_one_picture_has_nothing_to_retrieve(tmp_path: Path) -> None:
    arguments = simple(tmp_path, 2, [1, 1])
    alone = arguments["manifest"].subset([0])
    written = write_report(
        tmp_path / "r.html",
        title="t",
        result=arguments["result"],
        embeddings=arguments["embeddings"][:1],
        manifest=alone,
    ).read_text(encoding="utf-8")
    assert "nothing to retrieve" in written
    with pytest.raises(InputError, match="two pictures"):
        teaser(arguments["embeddings"][:1], alone, tmp_path / "t.png")


def test_pictures_that_cannot_be_opened_become_tiles(tmp_path: Path) -> None:
    arguments = simple(tmp_path, 20, [4, 2])
    for row in range(0, 20, 2):
        (tmp_path / f"{row}.png").write_bytes(b"" if row % 4 else b"no picture")
    (tmp_path / "0.png").unlink()
    written = write_report(tmp_path / "r.html", **arguments).read_text(encoding="utf-8")
    page = Checker(written)
    assert written.count("no picture</div>") > 0
    assert page.tags["img"] + written.count("no picture</div>") == 10 * 9
    teaser(arguments["embeddings"], arguments["manifest"], tmp_path / "t.png", query=0)


def test_embeddings_that_all_agree_or_are_zero(tmp_path: Path) -> None:
    arguments = simple(tmp_path, 20, [4, 2])
    for place, vectors in enumerate((np.ones((20, 4)), np.zeros((20, 4)))):
        arguments["embeddings"] = vectors
        written = write_report(tmp_path / f"{place}.html", **arguments).read_text(encoding="utf-8")
        assert Checker(written).open == []
        assert "two directions" in written


def test_a_curves_file_without_values_leaves_the_section_out(tmp_path: Path) -> None:
    arguments = simple(tmp_path, 20, [4, 2])
    (tmp_path / "metrics.csv").write_text("")
    written = write_report(tmp_path / "r.html", **arguments, curves=tmp_path / "metrics.csv").read_text()
    assert 'id="training"' not in written
    assert "How it was made" not in written


def test_many_pictures_take_bounded_time(tmp_path: Path) -> None:
    labels = nested(30_000, [3000, 60, 6])
    vectors = np.random.default_rng(0).normal(size=(30_000, 16)).astype(np.float32)
    names = [[str(i) for i in range(column.max() + 1)] for column in labels.T]
    manifest = Manifest(
        tmp_path, ["none.png"] * 30_000, labels, None, tree_of(labels, ["f", "m", "c"], names)
    )
    few = simple(tmp_path / "few", 30, [6, 3, 2])
    result = Result(("f", "m", "c"), {"f": {}, "m": {}, "c": {}}, few["result"].overall, few["result"].multi)
    written = write_report(
        tmp_path / "r.html", title="t", result=result, embeddings=vectors, manifest=manifest
    ).read_text(encoding="utf-8")
    assert "of 3,000 sampled queries" in written
    assert "1,500 of 30,000 pictures" in written
    assert len(written) < 3_000_000


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    arguments = simple(tmp_path, 20, [4, 2])
    short = {**arguments, "embeddings": arguments["embeddings"][:19]}
    with pytest.raises(InputError, match=r"must be \(20, D\).*got shape \(19, 12\)"):
        write_report(tmp_path / "r.html", **short)
    bad = arguments["embeddings"].copy()
    bad[[3, 7], 0] = np.nan
    with pytest.raises(InputError, match=r"row 3 \(3\.png\) and 1 more"):
        write_report(tmp_path / "r.html", **{**arguments, "embeddings": bad})
    with pytest.raises(InputError, match="from 0 to 19; got 20"):
        teaser(arguments["embeddings"], arguments["manifest"], tmp_path / "t.png", query=20)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write"):
        write_report(tmp_path / "file" / "r.html", **arguments)


@pytest.mark.shared
def test_real_photographs(shared_data: Path, tmp_path: Path) -> None:
    manifest = read_manifest(shared_data / "grocery").only("test")
    manifest = manifest.subset(np.arange(0, len(manifest), 8))
    vectors = vectors_for(manifest.labels, 1.5)
    result = evaluate(vectors, manifest.labels, scales=manifest.scales)
    target = write_report(
        tmp_path / "r.html", title="Grocery", result=result, embeddings=vectors, manifest=manifest
    )
    page = Checker(target.read_text(encoding="utf-8"))
    assert page.tags["img"] == 90
    assert target.stat().st_size < 2_000_000
