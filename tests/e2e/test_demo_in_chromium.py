"""A real browser visits the demo shop; the feed then holds exactly what it did, field by field, in order."""

import datetime as dt
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from footfall_common.testing import eventually
from tests.support.process import Up

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CAMPAIGN = "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine; apt-get install chromium"),
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, headless."""
    async with async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield chromium
        await chromium.close()


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[Up]:
    """`footfall up --demo`."""
    async with Up(tmp_path / "data", "--demo") as process:
        yield process


def shop(up: Up) -> str:
    """The demo's address: another host than the receiver's, so that the tracker is cross-origin."""
    return f"{up.base.replace('127.0.0.1', 'localhost')}/demo/"


async def visitor(page: Page) -> str:
    """The browser's tracking id."""
    cookies = {cookie["name"]: cookie["value"] for cookie in await page.context.cookies()}
    return cookies["bpmTrackingId"]


async def feed(up: Up, token: str, tracking_id: str, count: int) -> list[dict[str, Any]]:
    """The feed once it holds `count` events, oldest first."""

    async def arrived() -> list[dict[str, Any]] | None:
        events = await up.feed(token, tracking_id)
        return events if len(events) >= count else None

    found = await eventually(arrived, 20)
    assert found is not None
    return list(reversed(found))


async def said_of_itself(page: Page) -> dict[str, Any]:
    """What the page's own browser says of its device."""
    device: dict[str, Any] = await page.evaluate(
        """() => ({language: navigator.language, languages: navigator.languages.join(', '),
            platform: navigator.platform, screenWidth: screen.width, screenHeight: screen.height,
            screenPixelDepth: screen.pixelDepth, screenColorDepth: screen.colorDepth,
            screenAvailWidth: screen.availWidth, screenAvailHeight: screen.availHeight})"""
    )
    return device


async def test_a_visit_comes_out_of_the_feed_as_it_was(up: Up, browser: Browser) -> None:
    page = await (await browser.new_context(locale="en-US")).new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    root = shop(up)
    began = dt.datetime.now(dt.UTC)
    await page.goto(root)
    await page.click("text=See the boots")
    await page.click("#add-to-cart")
    await page.click("text=Go to the cart")
    await page.click("#purchase")
    await page.click("text=Go on shopping")
    await page.click("[data-campaign]")
    await page.wait_for_url(f"**{CAMPAIGN}")
    token = await up.token(up.credentials("demo"))
    events = await feed(up, token, await visitor(page), 7)

    assert not broken
    product, checkout = f"{root}product.html", f"{root}checkout.html"
    told = [(e["eventType"], e["eventName"], e["eventValue"], e["eventCost"], e["href"], e["referrer"]) for e in events]
    purchase = told[4]
    assert told == [
        ("page-load", "", "", "", root, ""),
        ("page-load", "", "", "", product, root),
        ("ADD_TO_CART", "Trail boots", "SKU-1042", "129.5", product, root),
        ("page-load", "", "", "", checkout, product),
        (purchase[0], purchase[1], purchase[2], "129.5", checkout, product),
        ("page-load", "", "", "", root, checkout),
        ("page-load", "", "", "", f"{root}{CAMPAIGN}", ""),
    ]
    assert purchase[0].lower() == "complete_checkout"
    device = await said_of_itself(page)
    assert [{name: e[name] for name in device} for e in events] == [device] * 7
    assert {e["browser"] for e in events} <= {"Chrome", "Chrome Headless", "HeadlessChrome"}
    assert len({e["eventId"] for e in events}) == 7
    times = [dt.datetime.fromisoformat(e["timestamp"]).replace(tzinfo=dt.UTC) for e in events]
    assert times == sorted(times)
    assert began - dt.timedelta(seconds=1) <= times[0] <= times[-1] <= dt.datetime.now(dt.UTC)
    assert set(events[0]) == {
        *("eventId", "eventType", "eventName", "eventValue", "eventCost", "timestamp", "href", "referrer", "language"),
        *("platform", "browser", "languages", "screenWidth", "screenHeight", "screenPixelDepth", "screenColorDepth"),
        *("screenAvailWidth", "screenAvailHeight"),
    }


async def test_the_panel_shows_this_browsers_events_and_no_other(up: Up, browser: Browser) -> None:
    first = await (await browser.new_context()).new_page()
    second = await (await browser.new_context()).new_page()
    await first.goto(shop(up))
    await second.goto(f"{shop(up)}product.html")
    await second.click("#add-to-cart")
    await second.wait_for_selector("[data-panel-events] >> text=ADD_TO_CART", timeout=20_000)
    await first.wait_for_selector("[data-panel-events] > *", timeout=20_000)
    assert await visitor(first) != await visitor(second)
    assert "ADD_TO_CART" not in await first.inner_text("[data-panel-events]")


async def test_events_registered_before_the_engine_has_loaded_are_kept(up: Up, browser: Browser) -> None:
    page = await (await browser.new_context()).new_page()
    await page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => creatioTracking.registerEvent('EARLY', {name: 'first'}))"
    )

    async def slowly(route: Any) -> None:
        await page.wait_for_load_state("domcontentloaded")
        await route.continue_()

    await page.route("**/JS/*.js", slowly)
    await page.goto(shop(up))
    token = await up.token(up.credentials("demo"))
    await eventually(lambda: _has_cookie(page), 20)
    events = await feed(up, token, await visitor(page), 2)
    assert sorted(e["eventType"] for e in events) == ["EARLY", "page-load"]


async def _has_cookie(page: Page) -> bool:
    return any(cookie["name"] == "bpmTrackingId" for cookie in await page.context.cookies())
