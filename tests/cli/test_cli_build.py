"""`dyml data build`: what it prints and writes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dyml.cli.data import app
from dyml.data import read_manifest
from dyml.errors import ManifestError


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["build", *map(str, arguments)], env={"COLUMNS": "120"})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table of 40 pictures: 10 articles of 5 kinds in 2 areas."""
    rows = ["photo,sku,kind,area"]
    for i in range(40):
        (tmp_path / f"{i}.jpg").touch()
        rows.append(f"{i}.jpg,sku {i % 10},kind {i % 5},area {i % 5 // 3}")
    (tmp_path / "shop.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_a_table_becomes_a_manifest(shop: Path) -> None:
    out = shop / "manifest.csv"
    done = run("table", shop / "shop.csv", out, "--path-column", "photo", "--scales", "sku,kind, area")
    assert done.exit_code == 0, done.output
    assert f"{out}: 40 pictures; classes: 10 sku, 5 kind, 2 area; splits: train, test" in done.output
    assert "- kind: 5 of 5 classes are in several splits" in done.output
    assert f"Next: `dyml data check {out}`" in done.output
    assert read_manifest(shop).scales == ("sku", "kind", "area")
    fewer = run(
        "table",
        shop / "shop.csv",
        out,
        "--path-column",
        "photo",
        "--scales",
        "sku,area",
        "--most",
        3,
        "--force",
    )
    assert "30 pictures" in fewer.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["cube", "x", "y.csv"], "no kind of source 'cube'; .* Did you mean 'cub'"),
        (["cub", "x", "y.csv"], "cub names no coarser classes: give a table of them with --taxonomy"),
        (["vehicles", "x", "y.csv"], "vehicles names no coarser classes: give a table of them"),
        (["imaterialist", "x", "y.csv", "--taxonomy", "gone.json"], "no tree gone.json"),
        (["comp-cars", "gone", "y.csv"], r"no list gone.misc.attributes.txt"),
        (["cub", "x", "y.csv", "--path-column", "p"], "--path-column belongs to table, not to cub"),
        (["table", "y.csv", "y.csv"], "y.csv is the source itself"),
        (["online-products", "gone", "y.csv"], r"no list gone.Ebay_train.txt"),
        (["inaturalist", "gone", "y.csv"], r"gone: no train\*.json"),
    ],
)
def test_mistakes_are_named(arguments: list[str], expected: str) -> None:
    refused = run(*arguments)
    assert isinstance(refused.exception, ManifestError)
    with pytest.raises(ManifestError, match=expected):
        raise refused.exception


def test_help_teaches_by_example() -> None:
    assert "dyml data build table shop.csv manifest.csv" in run("--help").output


def test_a_data_card_beside_the_manifest_or_of_any(shop: Path) -> None:
    out, page = shop / "manifest.csv", shop / "card.html"
    arguments = ("table", shop / "shop.csv", out, "--path-column", "photo", "--scales", "sku,kind,area")
    done = run(*arguments, "--card", page)
    assert f"{page}: the data card" in done.output
    assert "split by fine class, seed 0" in page.read_text()
    again = CliRunner().invoke(app, ["card", str(shop), str(shop / "other.html"), "--title", "The shop"])
    assert again.exit_code == 0, again.output
    assert "<h1>The shop</h1>" in (shop / "other.html").read_text()
