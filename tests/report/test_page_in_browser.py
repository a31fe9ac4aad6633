"""The coverage page as a person meets it: drawn by Chromium, from a file, without a network."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from core.cache_series import at
from dsm_core.cache import CacheStore
from dsm_core.report import SeriesCoverage, survey, write_page
from report.browser import chromium, console, requested
from report.samples import HOSTILE, NOW, fill, put_hostile

# Squares of a path, by what they say, of one card.
COUNT_SQUARES = """
const counts = {};
for (const path of arguments[0].querySelectorAll("path.day")) {
  const state = path.classList[1];
  counts[state] = (counts[state] || 0) + path.getAttribute("d").split("M").length - 1;
}
return counts;
"""
# Pixels of a canvas that are not transparent, and how many colours they have.
INKED = """
const canvas = arguments[0];
const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
const pixels = new Uint32Array(image.data.buffer);
return [pixels.filter((pixel) => pixel >>> 24).length, new Set(pixels).size];
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CacheStore:
    store = CacheStore(tmp_path_factory.mktemp("cache"))
    fill(store)
    return store


@pytest.fixture(scope="module")
def series(cache: CacheStore) -> list[SeriesCoverage]:
    put_hostile(cache)
    return survey(cache, now=NOW)


@pytest.fixture(scope="module")
def page(cache: CacheStore, series: list[SeriesCoverage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "coverage.html"
    write_page(series, cache, path, now=NOW)
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def shown(browser: Chrome, page: Path) -> Chrome:
    show(browser, page)
    return browser


def show(browser: Chrome, page: Path) -> None:
    browser.get(page.as_uri())
    WebDriverWait(browser, 20, 0.05).until(
        lambda b: b.execute_script("return document.documentElement.dataset.ready") == "yes"
    )


def card(browser: Chrome, series: list[SeriesCoverage], symbol: str, interval: str | None) -> str:
    place = next(i for i, s in enumerate(series) if (s.key.symbol, s.key.interval) == (symbol, interval))
    return f"#series-{place}"


def test_every_series_is_drawn_day_by_day(shown: Chrome, series: list[SeriesCoverage]) -> None:
    cards = shown.find_elements(By.CSS_SELECTOR, "article.card")
    assert [c.get_attribute("aria-label") for c in cards] == [s.name for s in series]
    for element, found in zip(cards, series, strict=True):
        days = found.days()
        assert days is not None
        counts = shown.execute_script(COUNT_SQUARES, element)
        years = range(days.first.year, 2026 if found.key.interval != "1d" else 2025)
        assert sum(counts.values()) == sum(366 if calendar.isleap(year) else 365 for year in years)
        assert sum(counts.values()) - counts.get("none", 0) == len(days)


def test_days_have_the_colour_of_what_is_known_of_them(shown: Chrome, series: list[SeriesCoverage]) -> None:
    bitcoin = shown.find_element(By.CSS_SELECTOR, card(shown, series, "BTCUSDT", "1h"))
    ether = shown.find_element(By.CSS_SELECTOR, card(shown, series, "ETHUSDT", "1h"))
    assert shown.execute_script(COUNT_SQUARES, bitcoin) == {"none": 182, "held": 548, "notched": 1}
    counts = shown.execute_script(COUNT_SQUARES, ether)
    assert (counts["missing"], counts["hole"], counts["partly"]) == (23, 6, 3)
    label = ether.find_element(By.CSS_SELECTOR, "svg.year").get_attribute("aria-label")
    assert label == "binance/spot/klines/ETHUSDT/1h, 2024: 340 days held, 6 days hole, 20 days missing"


def test_the_table_tells_rows_gaps_and_what_is_held(shown: Chrome, series: list[SeriesCoverage]) -> None:
    rows = shown.find_elements(By.CSS_SELECTOR, "#overview tbody tr")
    assert len(rows) == len(series)
    ether = next(row.text for row in rows if "ETHUSDT" in row.text)
    assert "12,428" in ether
    assert "95.5 %" in ether
    assert "4 (3 open)" in ether
    headers = shown.find_elements(By.CSS_SELECTOR, "#overview thead button")
    next(h for h in headers if h.text == "Rows").click()
    rows = shown.find_elements(By.CSS_SELECTOR, "#overview tbody tr")
    assert [row.find_element(By.CSS_SELECTOR, "td").text for row in rows][:2] == ["78", "744"]


def test_gaps_are_listed_with_reasons(shown: Chrome, series: list[SeriesCoverage]) -> None:
    gaps = shown.find_elements(By.CSS_SELECTOR, f"{card(shown, series, 'ETHUSDT', '1h')} .gaps li")
    assert len(gaps) == 4
    assert gaps[1].text.splitlines() == ["2024-09-03 to 2024-09-09", "144 bars: venue has none", "final"]
    assert gaps[3].text.splitlines()[-2:] == ["26 bars: venue has none", "open"]


def test_a_click_opens_a_chart_with_ink(shown: Chrome, series: list[SeriesCoverage]) -> None:
    place = card(shown, series, "BTCUSDT", "1h")
    assert not shown.find_elements(By.TAG_NAME, "canvas")
    shown.find_element(By.CSS_SELECTOR, f"{place} button.toggle").click()
    ink, colours = shown.execute_script(INKED, shown.find_element(By.CSS_SELECTOR, f"{place} canvas"))
    assert ink > 10_000
    assert colours > 10
    assert "last value of each 8h" in shown.find_element(By.CSS_SELECTOR, f"{place} .chart").text
    shown.find_element(By.CSS_SELECTOR, f"{place} button.toggle").click()
    assert not shown.find_elements(By.TAG_NAME, "canvas")


def test_the_keyboard_opens_a_chart_from_the_table(shown: Chrome) -> None:
    button = shown.find_element(By.CSS_SELECTOR, "#overview td.action button")
    assert button.accessible_name.startswith("Chart of binance/")
    button.send_keys(Keys.ENTER)
    toggle = shown.find_element(By.CSS_SELECTOR, "#series-0 button.toggle")
    assert toggle == shown.switch_to.active_element
    assert toggle.get_attribute("aria-expanded") == "true"
    toggle.send_keys(Keys.SPACE)
    assert toggle.get_attribute("aria-expanded") == "false"


def test_every_chart_can_be_drawn(shown: Chrome, series: list[SeriesCoverage]) -> None:
    for button in shown.find_elements(By.CSS_SELECTOR, "button.toggle"):
        button.send_keys(Keys.ENTER)
    canvases = shown.find_elements(By.CSS_SELECTOR, "article canvas")
    assert len(canvases) == len(series)
    assert all(shown.execute_script(INKED, canvas)[0] > 10_000 for canvas in canvases)
    assert console(shown) == []


def test_the_filter_leaves_what_fits(shown: Chrome) -> None:
    shown.find_element(By.ID, "filter").send_keys("btc 1h")
    visible = [c for c in shown.find_elements(By.CSS_SELECTOR, "article.card") if c.is_displayed()]
    assert [c.get_attribute("aria-label") for c in visible] == ["binance/spot/klines/BTCUSDT/1h"]


def test_a_day_under_the_pointer_tells_what_it_holds(shown: Chrome, series: list[SeriesCoverage]) -> None:
    place = card(shown, series, "BTCUSDT", "1h")
    # 14 February 2024: the Wednesday of the seventh week.
    shown.execute_script(
        """
        const drawing = document.querySelector(arguments[0] + " svg.year");
        drawing.scrollIntoView();
        const box = drawing.getBoundingClientRect();
        const scale = box.width / drawing.viewBox.baseVal.width;
        const clientX = box.left + (34 + 6 * 13 + 5) * scale;
        const clientY = box.top + (16 + 2 * 13 + 5) * scale;
        drawing.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX, clientY}));
        """,
        place,
    )
    tip = shown.find_element(By.ID, "tip").text.splitlines()
    assert tip == ["2024-02-14", "19 bars: held", "5 bars: the venue has none"]


def test_hostile_names_are_shown_and_do_nothing(shown: Chrome) -> None:
    assert shown.execute_script("return window.hacked") is None
    assert not shown.find_elements(By.TAG_NAME, "img")
    names = [e.get_property("textContent") for e in shown.find_elements(By.CSS_SELECTOR, "h3 .symbol")]
    assert HOSTILE in names


def test_nothing_is_requested_and_nothing_complains(browser: Chrome, page: Path) -> None:
    browser.get("about:blank")
    requested(browser)
    console(browser)
    show(browser, page)
    browser.find_element(By.CSS_SELECTOR, "button.toggle").click()
    assert requested(browser) == [page.as_uri()]
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert console(browser) == []


def test_the_policy_stops_what_would_get_out(shown: Chrome) -> None:
    refused = shown.execute_async_script(
        "fetch('https://example.invalid/').then(() => arguments[0](false), () => arguments[0](true))"
    )
    assert refused
    assert any("Content Security Policy" in message for message in console(shown))


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_dark_or_light_screen_needs_no_sideways_scroll(
    browser: Chrome, page: Path, dark: bool
) -> None:
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    narrow = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        show(browser, page)
        browser.find_element(By.CSS_SELECTOR, "button.toggle").send_keys(Keys.ENTER)
        assert browser.execute_script("return document.documentElement.scrollWidth") == 360
        ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(15, 20, 25)" if dark else "rgb(246, 248, 250)")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_picture_of_the_docs_can_be_taken(browser: Chrome, cache: CacheStore, tmp_path: Path) -> None:
    page, picture = tmp_path / "coverage.html", tmp_path / "coverage.png"
    wanted = [
        s for s in survey(cache, now=NOW) if s.key.symbol != HOSTILE and s.key.interval in ("1h", "15m")
    ]
    write_page(wanted, cache, page, now=at(2025, 7, 2, 10, 30))
    show(browser, page)
    # Without the focus that a key or the pointer would leave on the button.
    browser.execute_script("document.querySelector('#series-1 button.toggle').click()")
    height = browser.execute_script("scrollTo(0, 0); return document.body.scrollHeight")
    whole = {"width": 1280, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", whole)
    try:
        assert browser.save_screenshot(str(picture))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert picture.stat().st_size > 50_000
