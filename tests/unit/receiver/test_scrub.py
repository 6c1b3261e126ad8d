"""What of an address is stored."""

import ipaddress

import pytest

from footfall_receiver.origins import allowed
from footfall_receiver.scrub import address_truncator, client_address, url_scrubber
from footfall_receiver.settings import ReceiverSettings

scrub = url_scrubber(ReceiverSettings().scrubbed_parameters)
truncate = address_truncator(24, 48)


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("", ""),
        ("https://shop.example/me@home.example", "https://shop.example/me@home.example"),
        ("https://shop.example/?utm_source=x&page=2", "https://shop.example/?utm_source=x&page=2"),
        ("https://shop.example/?token=abc&page=2", "https://shop.example/?token=[scrubbed]&page=2"),
        ("https://shop.example/?ToKeN=abc#password=1", "https://shop.example/?ToKeN=[scrubbed]#password=[scrubbed]"),
        ("https://shop.example/?%74oken=abc", "https://shop.example/?%74oken=[scrubbed]"),
        ("https://shop.example/?user[token]=abc", "https://shop.example/?user[token]=[scrubbed]"),
        ("https://shop.example/?next=%2Fin%3Ftoken%3Dabc", "https://shop.example/?next=[scrubbed]"),
        ("https://shop.example/?next=%2Fin%3Fpage%3D2", "https://shop.example/?next=%2Fin%3Fpage%3D2"),
        ("https://shop.example/?q=me%40home%2Eexample", "https://shop.example/?q=[scrubbed]"),
        ("https://shop.example/?me@home.example", "https://shop.example/?[scrubbed]"),
        ("https://shop.example/?q=@home&r=a@b", "https://shop.example/?q=@home&r=a@b"),
        ("https://shop.example/?token=&key", "https://shop.example/?token=&key"),
        ("https://shop.example/?tokens=3", "https://shop.example/?tokens=3"),
    ],
)
def test_secrets_and_mail_addresses_do_not(url: str, stored: str) -> None:
    assert scrub(url) == stored


@pytest.mark.timeout(20)
@pytest.mark.parametrize("evil", ["%40" * 2600, "a" * 8000 + "&@", "@." * 4000, "?" * 8000, "a@" * 4000, "%25" * 2700])
def test_no_address_holds_the_process_up(evil: str) -> None:
    # A pattern that goes back and forth would take minutes to hours for this; the time-out is the failure.
    scrubbed = scrub(f"https://shop.example/?{evil * 20}")
    assert scrubbed.startswith("https://shop.example/?")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("testclient", ""),
        ("", ""),
    ],
)
def test_an_address_loses_its_end(address: str, kept: str) -> None:
    assert truncate(address) == kept


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.1", "1.2.3.4", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.9", "1.2.3.4"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "nonsense"),
        ("unix", "1.2.3.4", "unix"),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, forwarded: str, client: str) -> None:
    assert client_address(peer, forwarded, [ipaddress.ip_network("10.0.0.0/8")]) == client


@pytest.mark.parametrize(
    ("origin", "domain", "yes"),
    [
        ("https://shop.example", "shop.example", True),
        ("https://shop.example", "shop.example:443", True),
        ("http://shop.example", "shop.example:443", False),
        ("http://localhost:3000", "localhost:3000", True),
        ("http://localhost:3001", "localhost:3000", False),
        ("http://[::1]:3000", "[::1]:3000", True),
        ("https://xn--mnchen-3ya.example", "münchen.example", True),
        ("https://a.shop.example", "SHOP.example", True),
        ("https://evilshop.example", "shop.example", False),
        ("https://shop.example:99999", "shop.example", False),
        ("https://shop.example", "shop.example:99999", False),
        ("null", "shop.example", False),
    ],
)
def test_an_origin_belongs_to_a_domain_or_not(origin: str, domain: str, *, yes: bool) -> None:
    assert allowed(origin, (domain,)) is yes
