"""Makes README's pictures from the demo's data: `adjoin demo --no-serve`, then `python docs/pictures/make.py HOME`.

HOME is the demo's folder (`.adjoin` by default); a copy of it is served, so it stays as it is. Needs Chromium and the
packages that the tests need. Make the demo anew on the same day: its last week is then the last week. Names keep the
letters that every machine can draw.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from sqlmodel import select

from adjoin.db import Store
from adjoin.db.models import Account, Entity
from adjoin.settings import load_settings
from adjoin_dashboard.testing import sign_in

_ROOT = Path(__file__).resolve().parents[2]
_IMAGES = _ROOT / "docs" / "images"
_LARGEST = 250_000  # bytes
_WAIT = 120_000  # milliseconds
_WIDTH = 1440
_SCRIPTS = ((0, 0x250), (0x2010, 0x2030))  # Latin letters, and dashes and quotes

sys.path.insert(0, str(_ROOT / "tests"))


def main() -> int:
    """Make both pictures; returns the exit code."""
    home = Path(sys.argv[1] if len(sys.argv) > 1 else ".adjoin")
    if not (home / "adjoin.db").exists():
        print(f"{home} is no demo: run `adjoin demo --no-serve` first, and name its folder", file=sys.stderr)
        return 2
    with TemporaryDirectory() as folder:
        copy = shutil.copytree(home, Path(folder) / "home")
        with open_page(copy) as (page, address):
            page.goto(f"{address}/?period=Last+7+days")
            settle(page)
            link = page.get_by_role("link", name=re.compile("^.*Look at .* in Campaigns")).first
            link.wait_for(timeout=_WAIT)
            page.locator(".st-key-change-chart canvas").first.wait_for(timeout=_WAIT)
            keep(page, "why-overview")
            page.goto(link.get_attribute("href") or address)
            settle(page)
            page.locator(".st-key-campaign-chart canvas").first.wait_for(timeout=_WAIT)
            page.get_by_test_id("stDataFrame").first.wait_for(timeout=_WAIT)
            page.locator(".st-key-campaign-choices").scroll_into_view_if_needed()
            page.get_by_role("heading", name="Spend by day").evaluate("one => one.scrollIntoView()")
            keep(page, "where-campaigns")
    return 0


@contextmanager
def open_page(home: Path) -> Iterator[tuple[Page, str]]:
    """Serve a copy of the demo, and open a browser in which an analyst of it is signed in."""
    from browser.serving import serving

    with Store.open(load_settings(home).database) as store:
        with store.write() as session:
            for one in (*session.exec(select(Account)), *session.exec(select(Entity))):
                one.name = drawable(one.name) or f"Campaign {one.id[-4:]}"
        token = sign_in(store, now=datetime.now(UTC), email="ana@example.com", role="analyst").token
    with serving(home) as address, sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            viewport={"width": _WIDTH, "height": 1000},
            locale="en-GB",
            timezone_id="Europe/Berlin",
            color_scheme="light",
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": "adjoin_session", "value": token, "url": address}])
        yield context.new_page(), address
        browser.close()


def drawable(name: str) -> str:
    """Return a name without what fonts may lack: no emoji, and letters of Latin scripts alone."""
    kept = [letter for letter in name if any(first <= ord(letter) < end for first, end in _SCRIPTS)]
    return " ".join("".join(kept).strip(" _").split())


def settle(page: Page) -> None:
    """Wait until everything is drawn."""
    page.locator("h1").wait_for(timeout=_WAIT)
    page.locator('[data-testid="stApp"][data-test-script-state="notRunning"]').wait_for(timeout=_WAIT)


def keep(page: Page, name: str) -> None:
    """Write a picture with as few colours as make it small enough."""
    page.wait_for_timeout(1500)  # charts draw a little after the page has settled
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for colours in (256, 128, 64):
        packed = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
        if packed.tell() <= _LARGEST:
            break
    else:
        raise SystemExit(f"{name} is larger than {_LARGEST} bytes with 64 colours")
    (_IMAGES / f"{name}.png").write_bytes(packed.getvalue())
    print(f"{name}.png: {packed.tell()} bytes")


if __name__ == "__main__":
    raise SystemExit(main())
