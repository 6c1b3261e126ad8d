"""Whether a page's origin belongs to a site. Pure."""

import functools
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@functools.lru_cache(maxsize=4096)
def allowed(origin: str, domains: tuple[str, ...]) -> bool:
    """Whether the origin's host is one of the domains or below one (`www.shop.example` is below `shop.example`).

    A domain may carry a port (`localhost:3000`); then the port must match as well, the scheme's own where none is said.
    """
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return False
    return bool(host) and any(_matches(host, port, domain) for domain in domains)


def _matches(host: str, port: int | None, domain: str) -> bool:
    try:
        parts = urlsplit(f"//{domain}")
        name, wanted = _ascii(parts.hostname or ""), parts.port
    except ValueError:  # the manifest's model refuses such a domain; a document of another writer may hold one
        return False
    return wanted in {None, port} and (host == name or host.endswith(f".{name}"))


def _ascii(name: str) -> str:
    """A name as browsers write it in an origin: `münchen.example` is `xn--mnchen-3ya.example`."""
    return name if name.isascii() else name.encode("idna").decode("ascii")
