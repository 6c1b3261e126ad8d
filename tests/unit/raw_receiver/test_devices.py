"""Real user agents, and what is read from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_raw_receiver.service.devices import Device, DeviceReader

READER = DeviceReader()
KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
PHONE = "Chrome/130.0.6723.69 Mobile Safari/537.36"
GOOGLEBOT = "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) {APPLE}"


@pytest.mark.parametrize(
    ("user_agent", "kind", "os", "browser"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/130.0.0.0 Safari/537.36",
            "desktop",
            "Windows",
            "Chrome",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.68",
            "desktop",
            "Windows",
            "Edge",
        ),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/17.6 Safari/605.1.15",
            "desktop",
            "Mac OS X",
            "Safari",
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
            "desktop",
            "Ubuntu",
            "Firefox",
        ),
        (
            f"Mozilla/5.0 (X11; Linux x86_64) {KHTML} HeadlessChrome/130.0.0.0 Safari/537.36",
            "desktop",
            "Linux",
            "Chrome",
        ),
        (
            f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/130.0.0.0 Safari/537.36",
            "desktop",
            "Chrome OS",
            "Chrome",
        ),
        ("Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko", "desktop", "Windows", "IE"),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/129.0.0.0 Safari/537.36 OPR/115.0.0.0",
            "desktop",
            "Windows",
            "Opera",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/128.0.0.0 YaBrowser/24.10.0.0 Safari/537.36",
            "desktop",
            "Windows",
            "Yandex Browser",
        ),
        (f"{IPHONE} Version/17.6 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Safari"),
        (f"{IPHONE} CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Chrome"),
        (
            f"Mozilla/5.0 (Linux; Android 10; K) {KHTML} Chrome/130.0.0.0 Mobile Safari/537.36",
            "mobile",
            "Android",
            "Chrome",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {KHTML} SamsungBrowser/26.0 {PHONE}",
            "mobile",
            "Android",
            "Samsung Internet",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) {KHTML} Version/4.0 {PHONE}",
            "mobile",
            "Android",
            "Chrome",
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0", "mobile", "Android", "Firefox"),
        ("ShopApp/3.2 CFNetwork/1490.0.4 Darwin/23.2.0", "mobile", "iOS", "ShopApp"),
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 6 Build/TQ3A.230805.001)", "mobile", "Android", "Android Browser"),
        (
            f"Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) {APPLE} Version/12.1.2 Mobile/15E148 Safari/604.1",
            "tablet",
            "iOS",
            "Safari",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 9; Nexus 9) {KHTML} Chrome/86.0.4240.99 Safari/537.36",
            "tablet",
            "Android",
            "Chrome",
        ),
        ("Mozilla/5.0 (Android 14; Tablet; rv:131.0) Gecko/131.0 Firefox/131.0", "tablet", "Android", "Firefox"),
        (
            f"Mozilla/5.0 (Linux; Android 13; SM-X700) {KHTML} Chrome/130.0.0.0 Safari/537.36",
            "tablet",
            "Android",
            "Chrome",
        ),
        (
            f"Mozilla/5.0 (Linux; Android 11; KFTRWI) {KHTML} Silk/116.3.1 like Chrome/116.0.5845.163 Safari/537.36",
            "tablet",
            "Android",
            "Amazon Silk",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", "", "Googlebot"),
        (
            f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {KHTML} {PHONE} {GOOGLEBOT}",
            "bot",
            "Android",
            "Googlebot",
        ),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bot", "", "bingbot"),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            "bot",
            "",
            "GPTBot",
        ),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot", "", "FacebookBot"),
        ("curl/8.5.0", "bot", "", "curl"),
        ("python-requests/2.32.3", "bot", "", "Python Requests"),
        (
            f"Mozilla/5.0 (PlayStation 5 3.21) {APPLE} Version/13.0 Safari/605.1.15",
            "other",
            "",
            "Safari",
        ),
        (
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/538.1 (KHTML, like Gecko) TV Safari/538.1",
            "other",
            "Tizen",
            "Safari",
        ),
        ("", "other", "", ""),
        ("something else", "other", "", ""),
    ],
)
def test_a_user_agent_says_device_os_and_browser(user_agent: str, kind: str, os: str, browser: str) -> None:
    assert READER.read(DeviceReader.shorten(user_agent)) == Device(kind, os, browser)


@given(st.text(max_size=600))
def test_no_user_agent_raises(user_agent: str) -> None:
    assert READER.read(DeviceReader.shorten(user_agent)).kind in {"desktop", "mobile", "tablet", "bot", "other"}


def test_only_the_beginning_of_a_long_user_agent_is_read() -> None:
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
    told = DeviceReader.shorten(f"{firefox}{' ' * 600}{GOOGLEBOT}")
    assert READER.read(told) == Device("desktop", "Linux", "Firefox")
    assert len(DeviceReader.shorten("x" * 100_000)) <= 1_024
