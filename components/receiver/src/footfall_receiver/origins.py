"""Whether a page's origin belongs to a site. Pure."""

import functools
from urllib.parse import urlsplit


@functools.lru_cache(maxsize=4096)
def allowed(origin: str, domains: tuple[str, ...]) -> bool:
    """Whether the origin's host is one of the domains or below one (`www.shop.example` is below `shop.example`).

    A domain may carry a port (`localhost:3000`); then the port must match as well.
    """
    try:
        parts = urlsplit(origin)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    return any(_matches(host, port, domain.lower()) for domain in domains)


def _matches(host: str, port: int | None, domain: str) -> bool:
    name, _, wanted = domain.partition(":")
    if wanted and str(port or "") != wanted:
        return False
    return bool(host) and (host == name or host.endswith(f".{name}"))
