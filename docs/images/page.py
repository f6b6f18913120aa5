"""Take the pictures of the page from a running `dyml serve`: python docs/images/page.py [ADDRESS] [ID].

Needs Chromium and the `dev` extra.
"""

import io
import sys
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import sync_playwright

ADDRESS, ITEM = [
    *sys.argv[1:],
    *("http://127.0.0.1:8000", "latin/U+0045-DejaVuSans-Bold.png")[len(sys.argv) - 1 :],
][:2]
VIEWS = {
    "page": (f"#id={quote(ITEM, safe='')}&scale=middle", "#results img"),
    "page-map": (f"#view=map&id={quote(ITEM, safe='')}&scale=coarse", "#legend button"),
}
SEEN = """() => [...document.images].every((image) => {
  const box = image.getBoundingClientRect();
  return !box.width || box.top > innerHeight || (image.complete && image.naturalWidth);
})"""

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1240, "height": 800}, reduced_motion="reduce")
    for name, (view, ready) in VIEWS.items():
        page.goto(f"{ADDRESS.rstrip('/')}/{view}")
        page.reload()
        page.locator(ready).first.wait_for()
        page.wait_for_function(SEEN, timeout=120_000)
        file = Path(__file__).with_name(f"{name}.png")
        taken = Image.open(io.BytesIO(page.screenshot()))
        taken.convert("RGB").save(file, optimize=True)
        print(file)
    browser.close()
