"""The page over the real service: what the stand-in only pretends."""

import re
from pathlib import Path

import pytest
from page_service import PAGE, Open
from playwright.sync_api import expect
from serve_parts import live, picture, tiny_app

from dyml.gauge import Gauge
from dyml.serve.pages import read_assets

pytestmark = [pytest.mark.xdist_group("browser")]


def test_the_service_knows_every_file_of_the_page() -> None:
    assert set(read_assets()) == {file.name for file in PAGE.iterdir()}


def test_search_compare_map_and_browse(open_page: Open, tmp_path: Path, gauge: Gauge) -> None:
    (tmp_path / "mine.png").write_bytes(picture(5))
    with live(tiny_app(tmp_path / "gallery", gauge)) as (address, _):
        page = open_page(base=f"{address}/")
        expect(page.locator("#facts")).to_contain_text("24 pictures · 3 scales")
        expect(page.locator("#samples .card")).to_have_count(4)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose a picture").click()
        chooser.value.set_files(tmp_path / "mine.png")
        page.get_by_role("slider", name="The dial").focus()
        page.keyboard.press("Home")
        first = page.locator('#results .card[data-place="0"]')
        expect(first).to_have_attribute("data-id", "p5")  # the very picture
        expect(page.locator("#kept")).to_have_text("24")
        page.wait_for_function("() => document.querySelector('#results img').naturalWidth > 0")
        first.click()
        page.get_by_role("button", name="Search with this").click()
        expect(page.get_by_role("img", name="The query: p5")).to_be_visible()
        expect(page.locator("#total")).to_have_text("of 23 nearest")
        page.keyboard.press("Escape")
        page.get_by_role("link", name="Map").click()
        expect(page.locator("#legend button").first).to_be_visible()
        page.get_by_role("link", name="Browse").click()
        page.locator("#tree .pick").first.click()
        expect(page.locator("#browse-items .card")).to_have_count(12)
        page.goto(f"{address}/#view=compare&a=p0&b=p1")
        expect(page.locator("#verdict-number")).to_have_text(re.compile(r"^[−\d.]+$"))
        expect(page.locator("#verdict-table tbody tr")).to_have_count(3)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose the second picture").click()
        chooser.value.set_files(tmp_path / "mine.png")
        expect(page.locator("#slot-b")).to_contain_text("mine.png")
        expect(page.locator("#verdict")).to_be_visible()
