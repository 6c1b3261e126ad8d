"""Takes out of addresses what nobody should store: secrets in queries, e-mail addresses, the end of an IP. Pure.

Everything here is linear in the length of what a stranger sends.
"""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote_plus

SCRUBBED = "[scrubbed]"
_PAIRS = re.compile(r"([?&#;])")
_TOKENS = re.compile(r"[\s/?#&=:;,<>\"'()]+")
_CACHED_LENGTH = 512
"""Longer addresses are rare and would let strangers fill the cache with megabytes."""


def url_scrubber(parameters: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces, after the `?` or `#`, the values of those parameters and what holds an e-mail address.

    The parts before stay as they are, so that pages keep their names.
    """
    secrets = frozenset(name.lower() for name in parameters)
    cached = functools.lru_cache(maxsize=4096)(functools.partial(_scrubbed, secrets))

    def scrub(url: str) -> str:
        if "?" not in url and "#" not in url:
            return url
        return cached(url) if len(url) <= _CACHED_LENGTH else _scrubbed(secrets, url)

    return scrub


def _scrubbed(secrets: frozenset[str], url: str) -> str:
    before, *rest = _PAIRS.split(url)  # separators and pairs, turn by turn
    return before + "".join(part if index % 2 == 0 else _clean(secrets, part) for index, part in enumerate(rest))


def _clean(secrets: frozenset[str], pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return SCRUBBED if _has_email(unquote_plus(pair)) else pair
    return f"{name}={SCRUBBED}" if value and (_names(name, secrets) or _hides(value, secrets)) else pair


def _names(name: str, secrets: frozenset[str]) -> bool:
    """Whether a parameter's name is one of them, percent-encoded or in brackets (`user[token]`) as well."""
    plain = unquote_plus(name).lower().rstrip("]")
    return plain in secrets or plain.rpartition("[")[2] in secrets


def _hides(value: str, secrets: frozenset[str]) -> bool:
    """Whether a value holds an e-mail address, or an address with a query of its own that names a secret."""
    plain = unquote_plus(value)
    if _has_email(plain):
        return True
    nested = (part.partition("=") for part in _PAIRS.split(plain)[2::2])
    return any(inner and _names(name, secrets) for name, _, inner in nested)


def _has_email(text: str) -> bool:
    if "@" not in text:
        return False
    ends = (token.rpartition("@") for token in _TOKENS.split(text) if "@" in token)
    return any(local and "." in domain.strip(".") for local, _, domain in ends)


def address_truncator(ipv4_prefix: int, ipv6_prefix: int) -> Callable[[str], str]:
    """A function that keeps only the first bits of an address; what is no address becomes the empty string."""

    def truncate(address: str) -> str:
        parsed = _parsed(address)
        if parsed is None:
            return ""
        prefix = ipv4_prefix if isinstance(parsed, ipaddress.IPv4Address) else ipv6_prefix
        return str(ipaddress.ip_network((parsed, prefix), strict=False).network_address)

    return functools.lru_cache(maxsize=4096)(truncate)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(peer: str, forwarded: str, trusted: Iterable[Network]) -> str:
    """The client's address: the last hop of X-Forwarded-For that is no trusted proxy, if the peer is one."""
    proxies = tuple(trusted)
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    address = peer
    while hops and _within(address, proxies):
        address = hops.pop()
    return address


def _within(address: str, networks: Iterable[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, as IPv4 where it is one in IPv6's clothes; None where it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, ipaddress.IPv6Address) else parsed
