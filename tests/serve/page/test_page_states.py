"""What the page does when something is missing, wrong or slow; whom it serves; and how fast it turns."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from page_gallery import SCALES
from page_service import Open, Service
from playwright.sync_api import Page, expect
from test_page import OTHER, QUERY, SEARCH, box_of, dial, drop

pytestmark = [pytest.mark.xdist_group("browser")]

COMPARED = f"#view=compare&a={quote(QUERY, safe='')}&b={quote(OTHER, safe='')}"
VIEWS = {
    "start": ("", "#samples .card"),
    "results": (SEARCH + "&scale=middle", "#results .card"),
    "map": ("#view=map&scale=coarse", "#legend button"),
    "browse": ("#view=browse&scale=middle&class=latin+E", "#browse-items .card"),
    "compare": (COMPARED, "#verdict .verdicts"),
}
REFUSED = "Failed to load resource"


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)])
def test_axe_finds_nothing_serious(
    open_page: Open, service: Service, view: str, theme: str, phone: bool, tmp_path: Path
) -> None:
    address, ready = VIEWS[view]
    page = open_page(address, theme=theme, phone=phone)
    expect(page.locator(ready).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= (360 if phone else 1280)
    page.screenshot(path=tmp_path / f"{view}-{theme}.png")
    check(page)
    if view == "results":
        page.locator("#results .card").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        check(page)


def check(page: Page) -> None:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    bad = [
        (rule["id"], node["target"], node.get("failureSummary"))
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
    assert bad == [], json.dumps(bad, indent=1)


def test_a_thousand_results_turn_within_a_frame(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=coarse")
    expect(page.locator("#results .card").first).to_be_visible()
    page.get_by_label("Group by").select_option("nothing")
    page.wait_for_timeout(600)  # the rest of the cards is built while the page is idle
    turn = """() => {
      const slider = document.querySelector(".slider");
      const times = [];
      const low = Number(slider.min);
      for (let i = 0; i <= 240; i += 1) {
        const value = low + (1 - low) * (0.5 + 0.5 * Math.cos((i / 240) * 4 * Math.PI));
        const start = performance.now();
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
        void document.body.offsetHeight; // the layout belongs to the movement
        times.push(performance.now() - start);
      }
      times.sort((a, b) => a - b);
      return [times[120], times[228], times[240]];
    }"""
    for by in ("nothing", "the dial’s scale"):
        page.get_by_label("Group by").select_option(by)
        median, high, most = page.evaluate(turn)
        print(
            f"grouped by {by}: a movement takes {median:.1f} ms, 95 %: {high:.1f} ms, at most {most:.1f} ms"
        )
        assert median < 16
        assert high < 60  # on a busy machine


def test_the_page_is_soon_there(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH)
    expect(page.locator("#results .card").first).to_be_visible()
    page.reload()
    expect(page.locator("#results .card").first).to_be_visible()
    page = open_page()
    took = page.evaluate(
        """() => performance.getEntriesByType("resource")
          .filter((entry) => entry.name.includes("/v1/")).at(-1).responseEnd"""
    )
    print(f"interactive after {took:.0f} ms")
    assert took < 4000  # on a busy machine


def test_without_a_gauge_the_dial_is_plain_similarity(open_page: Open, service: Service) -> None:
    service.gauge = False
    page = open_page(SEARCH)
    expect(page.get_by_text("This model has no gauge")).to_be_visible()
    expect(page.locator("#chance-of")).to_have_text("least similarity")
    page.get_by_role("button", name="coarse").click()
    expect(page.locator("#results .group:not(.beyond) h3").first).to_have_text("latin")
    dial(page).focus()
    page.keyboard.press("End")
    expect(page.locator("#none")).to_contain_text("Nothing is that similar")
    assert dial(page).get_attribute("aria-valuetext") == "similarity ≥ 1.00"
    page.get_by_role("button", name="Widen to it").click()
    expect(page.locator("#kept")).not_to_have_text("0")


def test_an_empty_gallery_says_so(open_page: Open, service: Service) -> None:
    service.empty = True
    page = open_page()
    expect(page.get_by_text("The gallery is empty")).to_be_visible()
    drop(page, "body")
    expect(page.locator("#none")).to_contain_text("The gallery gave no results")
    page.get_by_role("link", name="Map").click()
    expect(page.get_by_text("The gallery has no map yet")).to_be_visible()


def test_problems_are_shown_in_words(open_page: Open, service: Service) -> None:
    page = open_page(expect=REFUSED)
    expect(page.locator("#samples .card").first).to_be_visible()
    service.fail = "/v1/search"
    drop(page, "body")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Not a picture")
    expect(alert).to_contain_text("The upload is not a picture that can be read.")
    expect(alert).to_contain_text("Request r-17")
    service.fail = None
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator("#results .card").first).to_be_visible()
    expect(alert).to_be_hidden()
    page.evaluate("location.hash = '#id=nobody'")
    expect(alert).to_contain_text("nobody")


def test_a_service_that_is_gone(open_page: Open, service: Service) -> None:
    page = open_page(expect=REFUSED)
    expect(page.locator("#samples .card").first).to_be_visible()
    page.context.route("**/v1/search", lambda route: route.abort())
    page.locator("#samples .card").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")


def test_a_busy_service_is_asked_again(open_page: Open, service: Service) -> None:
    service.busy = 1
    page = open_page(SEARCH, expect=REFUSED)
    expect(page.get_by_role("alert")).to_contain_text("The service is busy")
    expect(page.get_by_role("alert")).to_contain_text("Trying again in 1 second.")
    expect(page.locator("#results .card").first).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_key_is_asked_for_once(open_page: Open, service: Service) -> None:
    service.key = "open sesame"
    page = open_page(SEARCH, expect=REFUSED, wait=False)
    dialog = page.get_by_role("dialog", name="This gallery needs a key")
    dialog.get_by_label("API key").fill("wrong")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("That key was not accepted")
    dialog.get_by_label("API key").fill("open sesame")
    dialog.get_by_role("button", name="Open the gallery").click()
    expect(page.locator("#results .card").first).to_be_visible()
    expect(dialog).to_be_hidden()
    page.wait_for_function(
        "() => document.querySelector('#results img').naturalWidth > 0"
    )  # sent with the key
    page.reload()
    expect(page.locator("#results .card").first).to_be_visible()
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [1, 0]


def test_a_phone_shows_all_views(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle", phone=True)
    expect(page.locator("#results .card").first).to_be_visible()
    page.mouse.wheel(0, 900)
    page.wait_for_timeout(150)
    box = box_of(page.locator("#dial"))
    assert 0 <= box["y"] < 12  # the dial stays in sight
    assert box["height"] < 260
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, nav a")].filter((node) => {
          const box = node.getBoundingClientRect();
          return box.width && !node.closest(".skip, .crumbs") && Math.min(box.width, box.height) < 24;
        }).map((node) => node.outerHTML)"""
    )
    assert small == []


def test_motion_is_reduced(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle", calm=True)
    expect(page.locator("#results .card").first).to_be_visible()
    moved = page.evaluate(
        """() => {
          const before = document.querySelector(".slider").value;
          document.querySelector("#scales button:last-child").click();
          return [before, document.querySelector(".slider").value];
        }"""
    )
    assert moved[0] != moved[1]  # at once, without a sweep


def test_tab_goes_from_the_dial_to_the_results(open_page: Open, service: Service) -> None:
    page = open_page(SEARCH + "&scale=middle")
    expect(page.locator("#results .card").first).to_be_visible()
    stops = []
    for _ in range(24):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        if stops[-1] == "card":
            break
    assert stops[0] == "skip"
    assert stops.index("theme") < stops.index("slider") < stops.index("by") < stops.index("card")
    assert len([stop for stop in stops if stop == "card"]) == 1  # the grid is one stop
    assert [name for name in SCALES if name in page.inner_text("#scales")] == list(SCALES)
