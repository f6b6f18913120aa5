"""The page in a real browser: searching and turning the dial, over the stand-in service."""

import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from page_gallery import gallery, picture
from page_service import Open, Service
from playwright.sync_api import Locator, Page, expect

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


def dial(page: Page) -> Locator:
    return page.get_by_role("slider", name="The dial")


def box_of(locator: Locator) -> dict[str, float]:
    """Return where an element is."""
    found = locator.bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


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


def test_a_click_in_the_gallery_searches(open_page: Open, service: Service) -> None:
    page = open_page()
    expect(page.locator("#samples li")).to_have_count(24)
    assert len({text.split(" › ")[0] for text in page.locator("#samples .place").all_inner_texts()}) == 5
    name = page.locator("#samples .card").nth(3).get_attribute("data-id") or ""
    page.locator("#samples .card").nth(3).click()
    expect(page.locator("#results .card").first).to_be_visible()
    assert f"id={quote(name, safe='')}" in page.url
    assert page.get_by_role("img", name=f"The query: {name}").is_visible()


def test_a_file_is_chosen(open_page: Open, service: Service, tmp_path: Path) -> None:
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
def test_a_picture_is_dropped_or_pasted(open_page: Open, service: Service, kind: str) -> None:
    page = open_page()
    expect(page.locator("#samples li").first).to_be_visible()
    drop(page, "body", kind)
    expect(page.locator("#asked-name")).to_have_text("mine.png")
    expect(page.locator("#results .card").first).to_be_visible()


def test_the_camera_takes_a_picture(open_page: Open, service: Service) -> None:
    page = open_page()
    page.get_by_role("button", name="Camera").first.click()
    page.wait_for_function("() => document.querySelector('#camera video').videoWidth > 0")
    page.get_by_role("button", name="Take the picture").click()
    expect(page.locator("#asked-name")).to_have_text("photograph.jpg")
    expect(page.locator("#results .card").first).to_be_visible()


def test_the_dial_by_keys(open_page: Open, service: Service) -> None:
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
        ("Home", float(slider.get_attribute("min") or 0)),
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


def test_the_dial_by_pointer_rests_at_marks(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle")
    expect(page.locator("#results .card").first).to_be_visible()
    box, low = box_of(page.locator(".bricks").first), float(dial(page).get_attribute("min") or 0)

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


def test_scale_buttons_and_groups(open_page: Open, service: Service) -> None:
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


def test_cards_tell_chance_similarity_and_place(open_page: Open, service: Service) -> None:
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
    assert beyond.count() == 10  # what the next turn of the dial takes in
    assert int(beyond.first.get_attribute("data-place") or -1) == kept(page)


def test_ruler_and_grid_point_at_each_other(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle")
    card = page.locator("#results .card").first
    card.hover()
    expect(page.locator("#ruler .lit")).to_be_visible()
    stress, bricks = box_of(page.locator("#ruler .lit")), box_of(page.locator(".bricks").first)
    low = float(dial(page).get_attribute("min") or 0)
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


def test_a_result_closely(open_page: Open, service: Service) -> None:
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
