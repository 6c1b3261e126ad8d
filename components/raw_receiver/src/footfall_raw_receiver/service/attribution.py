"""Channel, source and campaign of an address and its referrer, by the rules that Creatio itself uses.

Wrong data never raises: an address that is none has no host and no parameters. Where Creatio's public rules are silent:
a tagged link whose source and medium nobody knows is `other online advertising`; a source is shown as it was sent, or
by its name in the table of `sources`; parameter names are read in any case, the first one that is not empty counts.
"""

from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from footfall_raw_receiver.service import sources

_TAGS: Final = ("utm_source", "utm_medium", "utm_campaign", "gclid", "yclid")
_COUNTRY: Final = 3
"""The longest label of a country's ending: google.com.tr, but not google.example.com."""
_READ_LABELS: Final = 8
"""Labels of a host that are looked at; the table's own have four at most."""
_LABELS: Final = 2
"""The most labels of a country's ending."""


class Attribution(NamedTuple):
    """`source` is empty for direct visits, `campaign` where the address carries none of its five marks."""

    channel: str
    source: str
    campaign: str


class Tags(NamedTuple):
    """The marks of a campaign in an address, empty where they are missing."""

    source: str = ""
    medium: str = ""
    campaign: str = ""
    gclid: str = ""
    yclid: str = ""


def attribute(href: str, referrer: str, domains: tuple[str, ...]) -> Attribution:
    """Judge one page address and its referrer; a referrer on the page's own host or `domains` counts as none."""
    tags = tags_of(href)
    channel, source = _tagged(tags)
    if not channel and not source:
        channel, source = _referred(_outside(host_of(href), host_of(referrer), domains))
    return Attribution(channel or sources.ADVERTISING, source, canonical(tags))


def tags_of(href: str) -> Tags:
    """The marks in an address."""
    query = href.partition("#")[0].partition("?")[2]
    if "=" not in query:
        return Tags()
    found: dict[str, str] = {}
    for name, value in parse_qsl(query):
        found.setdefault(name.lower(), value.strip())
    return Tags(*(found.get(name, "") for name in _TAGS))


def canonical(tags: Tags) -> str:
    """The five marks joined by `|`, empty when all are; a `|` or `%` inside one is percent-encoded."""
    if not any(tags):
        return ""
    return "|".join(tag.replace("%", "%25").replace("|", "%7C") for tag in tags)


def host_of(address: str) -> str:
    """The host of an address, lower case, without port, user and `www.`; empty where there is none."""
    scheme, found, rest = address.partition("//")
    if found and scheme and not scheme.endswith(":"):
        return ""
    authority = (rest if found else scheme).partition("/")[0].partition("?")[0].partition("#")[0]
    host = authority.rpartition("@")[2]
    if not host.startswith("["):
        host = host.partition(":")[0]
    host = host.strip().rstrip(".").lower().removeprefix("www.")
    return host if found or "." in host else ""  # about:blank and the like have no host


def _tagged(tags: Tags) -> tuple[str, str]:
    """Channel and source as the address itself states them."""
    medium = tags.medium.lower()
    channel = sources.MEDIUMS.get(medium, medium if medium in sources.CHANNELS else "")
    source, usual = _named(tags.source or tags.campaign)
    channel = channel or usual
    for click, name in ((tags.gclid, sources.GOOGLE_ADS), (tags.yclid, sources.YANDEX_DIRECT)):
        if click:
            channel, source = channel or sources.PAID, source or name
    if (channel or tags.medium) and not source:
        source = sources.OTHER
    return channel, source


def _named(source: str) -> tuple[str, str]:
    """A stated source under its name in the table, and its usual channel; itself and none where it is unknown."""
    key = source.lower().removeprefix("www.")
    return sources.NAMES.get(key) or _known(key) or (source, "")


def _outside(page: str, referrer: str, domains: tuple[str, ...]) -> str:
    """The referrer's host, empty when it belongs to the site itself."""
    own = {page, *(domain.lower().removeprefix("www.") for domain in domains)}
    return "" if referrer in own else referrer


def _referred(host: str) -> tuple[str, str]:
    if not host:
        return sources.DIRECT, ""
    name, channel = _known(host) or (sources.OTHER, sources.REFERRERS)
    return channel, name


def _known(host: str) -> tuple[str, str] | None:
    """What the table says of a host or the nearest host above it, its last labels alone: strangers write hosts."""
    labels = host.split(".")[-_READ_LABELS:]
    for at in range(len(labels)):
        found = sources.HOSTS.get(".".join(labels[at:]))
        if found is None and _ending(labels[at + 1 :]):
            found = sources.HOSTS.get(labels[at])
        if found is not None:
            return found
    return None


def _ending(labels: list[str]) -> bool:
    return 1 <= len(labels) <= _LABELS and all(len(label) <= _COUNTRY for label in labels)
