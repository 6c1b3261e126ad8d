"""Takes out of addresses what nobody should store: secrets in queries, e-mail addresses, the end of an IP. Pure."""

import functools
import ipaddress
import re
from collections.abc import Callable, Iterable

SCRUBBED = "[scrubbed]"
_EMAIL = re.compile(r"[^\s/?#&=:;,]+(?:@|%40)[^\s/?#&=:;,@]+\.[^\s/?#&=:;,@]{2,}", re.IGNORECASE)


def url_scrubber(parameters: Iterable[str]) -> Callable[[str], str]:
    """A function that replaces the values of those parameters, and every e-mail address, after the `?` or `#`.

    The parts before stay as they are, so that pages keep their names.
    """
    named = "|".join(re.escape(name) for name in parameters)
    secret = re.compile(rf"(?<=[?&#;])((?:{named})=)[^&#;]*", re.IGNORECASE) if named else None

    def scrub(url: str) -> str:
        start = min((at for at in (url.find("?"), url.find("#")) if at >= 0), default=-1)
        if start < 0:
            return url
        tail = url[start:]
        if secret is not None:
            tail = secret.sub(rf"\1{SCRUBBED}", tail)
        if "@" in tail or "%40" in tail:
            tail = _EMAIL.sub(SCRUBBED, tail)
        return url[:start] + tail

    return functools.lru_cache(maxsize=4096)(scrub)


def address_truncator(ipv4_prefix: int, ipv6_prefix: int) -> Callable[[str], str]:
    """A function that keeps only the first bits of an address; what is no address becomes the empty string."""

    def truncate(address: str) -> str:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return ""
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        prefix = ipv4_prefix if parsed.version == 4 else ipv6_prefix  # noqa: PLR2004 - the IP version
        return str(ipaddress.ip_network(f"{parsed}/{prefix}", strict=False).network_address)

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
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
