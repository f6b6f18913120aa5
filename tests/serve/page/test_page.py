"""The page in a real browser: every action a reader has, over the stand-in service."""

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import page_service
import pytest
from page_service import gallery, picture
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.xdist_group("browser")]

QUERY = "latin/U+00C9/DejaVuSans.png"
SEARCH = f"#id={quote(QUERY, safe='')}"
OTHER = "latin/U+00E8/DejaVuSerif.png"


def similarities() -> np.ndarray:
    """Return what the stand-in finds for the query, falling."""
    place = gallery().ids.index(QUERY)
    found = np.delete(gallery().similarity[place], place)
    return np.sort(found)[::-1][:1000].round(5)


def threshold(scale: str) -> float:
    return next(s["threshold"] for s in gallery().scales if s["name"] == scale)


def kept(page: Page) -> int:
    return int(page.inner_text("#kept").replace(",", ""))


def dial(page: Page):  # type: ignore[no-untyped-def]
    return page.get_by_role("slider", name="The dial")


def drop(page: Page, selector: str, kind: str = "drop") -> None:
    """Drop, or paste, a picture made in the page."""
    page.evaluate(
        """async ([selector, kind]) => {
          const canvas = new OffscreenCanvas(32, 32);
          canvas.getContext("2d").fillRect(4, 4, 9, 20);
          const transfer = new DataTransfer();
          transfer.items.add(new File([await canvas.convertToBlob()], "mine.png", {type: "image/png"}));
          const options = {bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer};
          const Kind = kind === "drop" ? DragEvent : ClipboardEvent;
          const event = new Kind(kind, options);
          document.querySelector(selector).dispatchEvent(event);
        }""",
        [selector, kind],
    )


def test_a_click_in_the_gallery_searches(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page()
    expect(page.locator("#samples li")).to_have_count(24)
    assert len({text.split(" › ")[0] for text in page.locator("#samples .place").all_inner_texts()}) == 5
    name = page.locator("#samples .card").nth(3).get_attribute("data-id")
    page.locator("#samples .card").nth(3).click()
    expect(page.locator("#results .card").first).to_be_visible()
    assert f"id={quote(name, safe='')}" in page.url
    assert page.get_by_role("img", name=f"The query: {name}").is_visible()


def test_a_file_is_chosen(open_page, service, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "held.png").write_bytes(picture(0xC9, "DejaVuSans"))
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a picture").click()
    chooser.value.set_files(tmp_path / "held.png")
    expect(page.locator("#asked-name")).to_have_text("held.png")
    expect(page.locator("#results .card").first).to_be_visible()
    assert service.log.count("POST /v1/search") == 1
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("kept only until the page is closed")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(open_page, service, kind: str) -> None:  # type: ignore[no-untyped-def]
    page = open_page()
    expect(page.locator("#samples li").first).to_be_visible()
    drop(page, "body", kind)
    expect(page.locator("#asked-name")).to_have_text("mine.png")
    expect(page.locator("#results .card").first).to_be_visible()


def test_the_camera_takes_a_picture(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page()
    page.get_by_role("button", name="Camera").first.click()
    page.wait_for_function("() => document.querySelector('#camera video').videoWidth > 0")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#asked-name")).to_have_text("photograph.jpg")
    expect(page.locator("#results .card").first).to_be_visible()


def test_the_dial_by_keys(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle")
    slider, found = dial(page), similarities()
    expect(page.locator("#kept")).to_have_text(str((found >= threshold("middle")).sum()))
    asked = service.log.count("POST /v1/search")
    slider.focus()
    for key, value in (
        ("PageUp", threshold("fine")),
        ("ArrowRight", threshold("fine") + 0.01),
        ("ArrowDown", threshold("fine")),
        ("PageDown", threshold("middle")),
        ("PageDown", threshold("coarse")),
        ("ArrowUp", threshold("coarse") + 0.01),
        ("End", 1.0),
        ("Home", float(slider.get_attribute("min"))),
    ):
        page.keyboard.press(key)
        assert float(slider.input_value()) == pytest.approx(value, abs=1e-6), key
        assert kept(page) == (found >= value - 1e-9).sum(), key
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    chance = round(100 * gallery().chances(threshold("middle"))["middle"])
    words = f"same middle, similarity ≥ {threshold('middle'):.2f}, {chance} % likely"
    assert slider.get_attribute("aria-valuetext") == words
    assert service.log.count("POST /v1/search") == asked  # the dial never asks the server


def test_the_dial_by_pointer_rests_at_marks(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle")
    expect(page.locator("#results .card").first).to_be_visible()
    box, low = page.locator(".bricks").first.bounding_box(), float(dial(page).get_attribute("min"))

    def at(value: float) -> float:
        return box["x"] + box["width"] * (value - low) / (1 - low)

    page.mouse.move(at(0.9), box["y"] + 20)
    page.mouse.down()
    page.mouse.move(at(threshold("fine")) + 3, box["y"] + 20, steps=4)
    page.wait_for_timeout(60)
    assert float(dial(page).input_value()) == pytest.approx(threshold("fine"), abs=1e-6)
    page.mouse.move(at(0.6), box["y"] + 20, steps=4)
    page.wait_for_timeout(60)
    page.mouse.up()
    assert float(dial(page).input_value()) == pytest.approx(0.6, abs=0.01)
    assert kept(page) == (similarities() >= float(dial(page).input_value())).sum()
    assert dial(page).evaluate("node => node === document.activeElement")


def test_scale_buttons_and_groups(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle", calm=False)
    scales = page.get_by_role("group", name="Same")
    expect(scales.get_by_role("button", name="middle")).to_have_attribute("aria-pressed", "true")
    scales.get_by_role("button", name="coarse").click()
    expect(page.locator("#chance-of")).to_have_text("same coarse at the cut")
    heads = page.locator("#results .group:not(.beyond) h3")
    expect(heads.first).to_have_text("latin")
    expect(page.get_by_text("the query's own class")).to_have_count(1)
    page.get_by_label("Group by").select_option("fine")
    expect(heads.first).to_have_text("latin › E › U+00C9 LATIN CAPITAL LETTER E WITH ACUTE")
    assert heads.count() == int(page.inner_text("#classes").replace(",", ""))
    page.get_by_label("Group by").select_option("nothing")
    expect(heads).to_have_count(0)
    expect(page.locator("#classes")).to_be_hidden()
    expect(page.locator("#results > .group:first-child .card")).to_have_count(120)
    page.get_by_role("button", name=re.compile("^Show 240 more")).click()
    expect(page.locator("#results > .group:first-child .card")).to_have_count(360)


def test_cards_tell_chance_similarity_and_place(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=fine")
    cards = page.locator("#results .card")
    expect(cards.first).to_be_visible()
    page.get_by_label("Group by").select_option("nothing")
    for place, chance in enumerate(cards.locator(".figures b").all_inner_texts()[:40]):
        expected = gallery().chances(similarities()[place])["fine"]
        said = (
            "> 99 %" if expected > 0.99 else "< 1 %" if expected < 0.01 else f"{int(100 * expected + 0.5)} %"
        )
        assert chance == said
    assert cards.first.locator(".place").inner_text() == "latin › E"
    assert f"{similarities()[0]:.3f}" in cards.first.inner_text()
    beyond = page.locator("#results .beyond .card")
    assert beyond.count() == 12  # what the next turn of the dial takes in
    assert int(beyond.first.get_attribute("data-place")) == kept(page)


def test_ruler_and_grid_point_at_each_other(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle")
    card = page.locator("#results .card").first
    card.hover()
    expect(page.locator("#ruler .lit")).to_be_visible()
    stress, bricks = page.locator("#ruler .lit").bounding_box(), page.locator(".bricks").first.bounding_box()
    low = float(dial(page).get_attribute("min"))
    place = bricks["x"] + bricks["width"] * (similarities()[0] - low) / (1 - low)
    assert stress["x"] + stress["width"] / 2 == pytest.approx(place, abs=5)
    page.mouse.move(stress["x"] + 2, stress["y"] + stress["height"] - 1)
    expect(page.locator("#peek")).to_be_visible()
    expect(page.locator("#peek")).to_contain_text("LETTER E WITH ACUTE")
    expect(page.locator("#results .card.lit")).to_have_attribute(
        "data-place", card.get_attribute("data-place")
    )
    page.mouse.move(5, 400)
    expect(page.locator("#peek")).to_be_hidden()


def test_a_result_closely(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle")
    cards = page.locator("#results .card")
    expect(cards.first).to_be_visible()
    cards.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{similarities()[1]:.3f}")
    assert [row.split("\t")[0] for row in dialog.locator("tbody tr").all_inner_texts()] == [
        "coarse",
        "middle",
        "fine",
    ]
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text(f"{similarities()[2]:.3f}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    cards.first.click()
    dialog.get_by_role("button", name="Compare with the query").click()
    expect(page.locator("#verdict-number")).to_have_text(f"{similarities()[0]:.3f}")


def test_two_pictures_are_compared(open_page, service) -> None:  # type: ignore[no-untyped-def]
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


def test_the_map(open_page, service) -> None:  # type: ignore[no-untyped-def]
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
    box = canvas.bounding_box()
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


def test_a_point_of_the_map_is_clicked(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page("#view=map&scale=coarse")
    expect(page.locator("#legend button")).to_have_count(5)
    box = page.locator("#map-canvas").bounding_box()
    x, y = gallery().places.T
    size = 0.92 * min(box["width"] / np.ptp(x), box["height"] / np.ptp(y))
    lone = int(np.argmin(y))
    at_x = box["x"] + box["width"] / 2 + size * (x[lone] - (x.min() + x.max()) / 2)
    at_y = box["y"] + box["height"] / 2 - size * (y[lone] - (y.min() + y.max()) / 2)
    page.mouse.move(at_x, at_y)
    expect(page.locator("#map-tip")).to_contain_text(gallery().labels[lone]["coarse"])
    page.mouse.click(at_x, at_y)
    expect(page.get_by_role("dialog")).to_contain_text(gallery().labels[lone]["fine"])


def test_the_tree_is_browsed(open_page, service) -> None:  # type: ignore[no-untyped-def]
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


def test_deep_links_and_the_back_button(open_page, service) -> None:  # type: ignore[no-untyped-def]
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


def test_the_live_region_counts(open_page, service) -> None:  # type: ignore[no-untyped-def]
    page = open_page(SEARCH + "&scale=middle")
    number = (similarities() >= threshold("middle")).sum()
    expect(page.get_by_role("status")).to_contain_text(
        re.compile(rf"^{number} results in \d+ classes: same middle")
    )


def test_the_theme_is_chosen_and_kept(open_page, service) -> None:  # type: ignore[no-untyped-def]
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
    for file in page_service.PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), file.name
        if file.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\bon\w+=", text)
            wanted = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
            assert all((page_service.PAGE / name).is_file() for name in wanted)
            modules = {path.name for path in page_service.PAGE.glob("*.js")}
            assert modules <= set(wanted)  # each is preloaded, so that none waits for another
