"""Channel, source and campaign: the table of creatio-contract part 6, and what wrong data may not do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_raw_receiver.service import sources
from footfall_raw_receiver.service.attribution import Tags, attribute, canonical, host_of, tags_of

PAGE = "https://www.shop.example/a"


@pytest.mark.parametrize(
    ("query", "referrer", "channel", "source"),
    [
        # utm_medium is the channel, utm_source (else utm_campaign) the source
        ("?utm_medium=cpc&utm_source=google", "", "paid search", "Google"),
        ("?utm_medium=email&utm_source=spring-letter", "", "email", "spring-letter"),
        ("?utm_medium=EMAIL&utm_campaign=spring", "", "email", "spring"),
        ("?utm_medium=media%20advertising&utm_source=portal", "", "media advertising", "portal"),
        ("?utm_medium=qr&utm_source=poster", "", "offline", "poster"),
        # the source's default channel fills a missing one
        ("?utm_source=google", "", "organic search", "Google"),
        ("?utm_source=Facebook", "", "social", "Facebook"),
        ("?utm_source=linkedin.com", "", "social", "LinkedIn"),
        ("?utm_medium=strange&utm_source=instagram", "", "social", "Instagram"),
        # click ids fill what is still missing
        ("?gclid=abc", "", "paid search", "Google Ads"),
        ("?yclid=123", "", "paid search", "Yandex.Direct"),
        ("?gclid=abc&utm_source=spring", "", "paid search", "spring"),
        ("?gclid=abc&utm_medium=display", "", "media advertising", "Google Ads"),
        # a channel without source
        ("?utm_medium=cpc", "https://www.google.com/", "paid search", "Other"),
        # ours, where the rules are silent: a tagged link that nobody knows
        ("?utm_source=spring", "https://www.google.com/", "other online advertising", "spring"),
        ("?utm_medium=strange", "", "other online advertising", "Other"),
        # neither and no referrer
        ("", "", "direct", ""),
        ("?utm_source=&utm_medium=", "", "direct", ""),
        ("?page=2", "", "direct", ""),
        # the referrer's host or a host above it
        ("", "https://www.google.com/", "organic search", "Google"),
        ("", "https://www.google.co.uk/search?q=shoes", "organic search", "Google"),
        ("", "https://news.google.de/x", "organic search", "Google"),
        ("", "android-app://com.google.android.googlequicksearchbox/", "organic search", "Google"),
        ("", "https://yandex.ru/search", "organic search", "Yandex"),
        ("", "https://duckduckgo.com", "organic search", "DuckDuckGo"),
        ("", "https://l.facebook.com/l.php?u=x", "social", "Facebook"),
        ("", "https://t.co/abc", "social", "X"),
        ("", "https://mail.google.com/mail/u/0", "email", "Gmail"),
        # unknown referrers, near misses among them
        ("", "https://blog.partner.example/post", "referrers", "Other"),
        ("", "https://google.partner.example/", "referrers", "Other"),
        ("", "https://netflix.com/", "referrers", "Other"),
        # the site itself is no referrer
        ("", "https://shop.example/b", "direct", ""),
        ("", "https://WWW.SHOP.example:8443/b", "direct", ""),
        ("", "https://checkout.example/pay", "direct", ""),
        ("", "https://www.checkout.example/pay", "direct", ""),
        # no address at all
        ("", "about:blank", "direct", ""),
        ("", "://", "direct", ""),
    ],
)
def test_the_first_rule_that_fits_decides(query: str, referrer: str, channel: str, source: str) -> None:
    found = attribute(PAGE + query, referrer, ("checkout.example",))
    assert (found.channel, found.source) == (channel, source)


@pytest.mark.parametrize(
    ("query", "campaign"),
    [
        ("", ""),
        ("?utm_source=a", "a||||"),
        ("?utm_campaign=c&utm_medium=b&utm_source=a&yclid=y&gclid=g", "a|b|c|g|y"),
        ("?utm_source=a%7Cb%25", "a%7Cb%25||||"),
        ("?UTM_Source=a&utm_source=b", "a||||"),
        ("?utm_source=+a+", "a||||"),
        ("?x=1#utm_source=a", ""),
    ],
)
def test_the_campaign_is_the_five_marks_in_one_text(query: str, campaign: str) -> None:
    assert attribute(PAGE + query, "", ()).campaign == campaign


@given(st.lists(st.text(max_size=5), min_size=5, max_size=5), st.lists(st.text(max_size=5), min_size=5, max_size=5))
def test_different_campaigns_never_look_the_same(one: list[str], other: list[str]) -> None:
    assert (canonical(Tags(*one)) == canonical(Tags(*other))) == (one == other)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://user:pass@Shop.Example:8443/a?b#c", "shop.example"),
        ("//shop.example/a", "shop.example"),
        ("shop.example/a", "shop.example"),
        ("https://shop.example.", "shop.example"),
        ("http://[::1]:80/a", "[::1]:80"),
        ("http://[broken", "[broken"),
        ("/a//b", ""),
        ("data:text/html,x", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


@given(st.text(), st.text(), st.lists(st.text(), max_size=3).map(tuple))
def test_wrong_data_never_raises(href: str, referrer: str, domains: tuple[str, ...]) -> None:
    found = attribute(href, referrer, domains)
    assert found.channel in sources.CHANNELS
    assert (found.campaign == "") == (not any(tags_of(href)))


@pytest.mark.timeout(20)
def test_a_host_of_many_labels_does_not_hold_the_process_up() -> None:
    # Looking at every suffix of it would take minutes; the time-out is the failure.
    host = "a." * 200_000 + "google.com"
    found = attribute("https://shop.example/", f"https://{host}/", ())
    assert found == attribute("https://shop.example/", "https://www.google.com/", ())
