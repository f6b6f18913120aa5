"""A browser, the stand-in service, and a page that fails its test when the console shows an error."""

from collections.abc import Iterator
from pathlib import Path

import page_service
import pytest
from page_service import Open
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 20_000  # ms; a busy machine may need them
ARGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; of one module, so that its event loop is gone when other tests run."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def stand_in() -> Iterator[tuple[str, page_service.Service]]:
    server, service = page_service.serve()
    yield f"http://127.0.0.1:{server.server_address[1]}/", service
    server.shutdown()


@pytest.fixture
def service(stand_in: tuple[str, page_service.Service]) -> page_service.Service:
    """The stand-in as new."""
    made = stand_in[1]
    made.__init__()  # type: ignore[misc]
    return made


@pytest.fixture
def open_page(browser: Browser, stand_in: tuple[str, page_service.Service]) -> Iterator[Open]:
    """Open the page at an address; at the end no error may have been seen but those a test expects."""
    contexts: list[BrowserContext] = []
    seen: list[str] = []
    expected: list[str] = []

    def open_at(
        address: str = "", *, theme: str = "light", phone: bool = False, calm: bool = True,
        expect: str | None = None, base: str | None = None, wait: bool = True,
    ) -> Page:  # fmt: skip
        context = browser.new_context(
            color_scheme=theme,  # type: ignore[arg-type]
            reduced_motion="reduce" if calm else "no-preference",
            viewport={"width": 360, "height": 740} if phone else {"width": 1280, "height": 860},
            has_touch=phone,
            permissions=["camera"],
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        if expect:
            expected.append(expect)
        page = context.new_page()
        home = base or stand_in[0]
        listen(page, home, seen)
        page.goto(home + address)
        if wait:
            page.wait_for_function("() => document.documentElement.dataset.ready")
        return page

    yield open_at
    for context in contexts:
        context.close()
    left = [text for text in seen if not any(words in text for words in expected)]
    assert left == []


def listen(page: Page, home: str, seen: list[str]) -> None:
    """Note errors, warnings, and requests that go elsewhere."""

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith((home, "blob:", "data:")):
            seen.append(request.url)

    page.on("console", said)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", asked)
