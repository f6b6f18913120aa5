"""Compare, map, browse, addresses and themes of the page, in a real browser over the stand-in service."""

import re
from urllib.parse import quote

import numpy as np
import pytest
from page_gallery import gallery
from page_service import PAGE, Open, Service
from playwright.sync_api import expect
from test_page import OTHER, QUERY, SEARCH, box_of, drop, similarities, threshold

pytestmark = [pytest.mark.xdist_group("browser")]


def test_two_pictures_are_compared(open_page: Open, service: Service) -> None:
    page = open_page(f"#view=compare&a={quote(QUERY, safe='')}&b={quote(OTHER, safe='')}")
    cosine = float(gallery().similarity[gallery().ids.index(QUERY), gallery().ids.index(OTHER)])
    expect(page.locator("#verdict-number")).to_have_text(f"{cosine:.3f}")
    rows = page.locator("#verdict-table tbody tr")
    for row, scale in zip(rows.all_inner_texts(), ("coarse", "middle", "fine")):
        assert ("same" if cosine >= threshold(scale) else "different") in row, row
    expect(page.locator("#verdict-ruler .grip")).to_have_text(f"{cosine:.2f}")
    page.get_by_role("button", name="Swap the pictures").click()
    expect(page.locator("#slot-a")).to_contain_text("U+00E8")
    drop(page, "#slot-b")
    expect(page.locator("#slot-b")).to_contain_text("mine.png")
    expect(page.locator("#verdict-number")).not_to_have_text(f"{cosine:.3f}")
    page.go_back()
    expect(page.locator("#verdict-number")).to_have_text(f"{cosine:.3f}")


def test_the_map(open_page: Open, service: Service) -> None:
    page = open_page("#view=map&scale=coarse")
    legend = page.locator("#legend button")
    expect(legend).to_have_count(5)
    assert legend.first.inner_text().split("\n") == ["latin", "1,470"]
    whole = page.evaluate("document.querySelector('#map-canvas').toDataURL()")
    legend.nth(1).click()
    expect(legend.nth(1)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("old => document.querySelector('#map-canvas').toDataURL() !== old", arg=whole)
    page.get_by_role("button", name="middle").click()
    expect(page.locator("#legend-title")).to_have_text("Colour: middle")
    canvas = page.get_by_role("application", name="Map of the gallery")
    box = box_of(canvas)
    page.mouse.move(box["x"] + box["width"] * 0.62, box["y"] + box["height"] * 0.5)
    for _ in range(8):
        page.mouse.wheel(0, -300)
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Search with this")).to_be_visible()
    dialog.get_by_role("button", name="Search with this").click()
    expect(page.locator("#results .card").first).to_be_visible()
    page.get_by_role("link", name="Map").click()
    expect(page.locator("#map-note")).to_contain_text("results of the search stand out")


def test_a_point_of_the_map_is_clicked(open_page: Open, service: Service) -> None:
    page = open_page("#view=map&scale=coarse")
    expect(page.locator("#legend button")).to_have_count(5)
    box = box_of(page.locator("#map-canvas"))
    x, y = gallery().places.T
    size = 0.92 * min(box["width"] / np.ptp(x), box["height"] / np.ptp(y))
    lone = int(np.argmin(y))
    at_x = box["x"] + box["width"] / 2 + size * (x[lone] - (x.min() + x.max()) / 2)
    at_y = box["y"] + box["height"] / 2 - size * (y[lone] - (y.min() + y.max()) / 2)
    page.mouse.move(at_x, at_y)
    expect(page.locator("#map-tip")).to_contain_text(gallery().labels[lone]["coarse"])
    page.mouse.click(at_x, at_y)
    expect(page.get_by_role("dialog")).to_contain_text(gallery().labels[lone]["fine"])


def test_two_fingers_zoom_the_map(open_page: Open, service: Service) -> None:
    page = open_page("#view=map&scale=coarse", phone=True)
    expect(page.locator("#legend button")).to_have_count(5)
    page.locator("#map-canvas").scroll_into_view_if_needed()
    box = box_of(page.locator("#map-canvas"))
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    fingers = page.context.new_cdp_session(page)
    before = page.evaluate("document.querySelector('#map-canvas').toDataURL()")
    for kind, apart in (("touchStart", 20), ("touchMove", 50), ("touchMove", 90), ("touchEnd", None)):
        points = (
            [] if apart is None else [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        )
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function("old => document.querySelector('#map-canvas').toDataURL() !== old", arg=before)
    page.get_by_role("button", name="All").click()
    page.wait_for_function("old => document.querySelector('#map-canvas').toDataURL() === old", arg=before)


def test_a_pair_is_picked_while_browsing(open_page: Open, service: Service) -> None:
    page = open_page("#view=browse&scale=middle&class=latin+E")
    for place, side in ((0, "a"), (7, "b")):
        page.locator("#browse-items .card").nth(place).click()
        page.get_by_role("button", name="Compare…").click()
        expect(page.locator(f"#slot-{side} img")).to_be_visible()
        if side == "a":
            page.go_back()
    expect(page.locator("#verdict-number")).to_be_visible()


def test_the_tree_is_browsed(open_page: Open, service: Service) -> None:
    page = open_page("#view=browse")
    page.get_by_role("button", name="Classes within greek").click()
    page.locator("#tree").get_by_role("button", name=re.compile(r"^Α\W+\d+ pictures")).click()
    expect(page.locator("#browse-title")).to_have_text("greek › greek Α")
    page.get_by_role("button", name="greek", exact=True).click()
    expect(page.locator("#browse-items li")).to_have_count(60)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#browse-items li")).to_have_count(120)
    page.get_by_label("Find a class").fill("knight")
    expect(page.locator("#matches .pick")).to_have_count(3)
    page.locator("#matches .pick").first.click()
    expect(page.locator("#browse-count")).to_have_text("12 pictures")
    page.locator("#browse-items .card").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("KNIGHT")


def test_deep_links_and_the_back_button(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=fine&t=0.8")
    expect(page.locator("#kept")).to_have_text(str((similarities() >= 0.8).sum()))
    page.get_by_role("button", name="coarse").click()
    page.wait_for_url(re.compile("scale=coarse$"))
    page.locator("#results .card").nth(2).click()
    page.get_by_role("button", name="Search with this").click()
    page.wait_for_url(lambda url: QUERY not in url and "scale=coarse" in url)
    page.go_back()
    page.wait_for_url(re.compile(re.escape(quote(QUERY, safe=""))))
    expect(page.locator("#asked img")).to_have_attribute("alt", f"The query: {QUERY}")
    expect(page.locator("#kept")).to_have_text(f"{(similarities() >= threshold('coarse')).sum():,}")
    page.get_by_role("link", name="Browse").click()
    page.get_by_role("link", name="Search", exact=True).click()
    expect(page.locator("#asked img")).to_have_attribute("alt", f"The query: {QUERY}")
    page.get_by_role("button", name="Clear the search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Drop a picture")
    assert page.title() == "Search · dyml"


def test_the_live_region_counts(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle")
    number = (similarities() >= threshold("middle")).sum()
    expect(page.get_by_role("status")).to_contain_text(
        re.compile(rf"^{number} results in \d+ classes: same middle")
    )


def test_the_theme_is_chosen_and_kept(open_page: Open, service: Service) -> None:
    page = open_page(theme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
    page.get_by_role("button", name="Dark theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 21, 25)"
    assert (
        open_page(theme="dark").evaluate("getComputedStyle(document.body).backgroundColor")
        == "rgb(18, 21, 25)"
    )


def test_the_files_hold_nothing_inline_or_foreign() -> None:
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), file.name
        if file.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\bon\w+=", text)
            wanted = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
            assert all((PAGE / name).is_file() for name in wanted)
            modules = {path.name for path in PAGE.glob("*.js")}
            assert modules <= set(wanted)  # each is preloaded, so that none waits for another
