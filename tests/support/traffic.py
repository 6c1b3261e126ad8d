"""Made-up but lifelike traffic, the same for the same seed: what is sent, and what must come of it."""

import datetime as dt
import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
)
LANDINGS = (
    ("https://shop.example/", ""),
    ("https://shop.example/a?utm_source=newsletter&utm_medium=email&utm_campaign=autumn", ""),
    ("https://shop.example/b?gclid=abc", "https://www.google.com/"),
    ("https://shop.example/c", "https://blog.partner.example/post"),
    ("https://shop.example/d?utm_source=facebook&utm_medium=social", "https://facebook.com/"),
)
TYPES = ("page-load", "Page-Load", "CLICK", "ADD_TO_CART", "purchase", "SEND_FORM", "identify")


@dataclass(frozen=True)
class Sent:
    """One event of a request; `reason` is None for a good one, else why it must be rejected."""

    event: dict[str, Any]
    reason: str | None = None


@dataclass(frozen=True)
class Request:
    """The events of one request to one resource, all of one browser. `stamped` = it names the time of sending."""

    resource: str
    agent: str
    stamped: bool
    items: tuple[Sent, ...]

    def body(self, tenant: str, sent: dt.datetime) -> bytes:
        """The native door's body as it leaves at `sent`."""
        request: dict[str, Any] = {"v": 1, "tenant": tenant, "resource": self.resource}
        if self.stamped:
            request["sent"] = sent.isoformat()
        return json.dumps(request | {"events": [item.event for item in self.items]}).encode()


@dataclass(frozen=True)
class Plan:
    """How much traffic of which kind, as shares of the events."""

    events: int
    visitors: int
    seed: int
    repeated: float = 0.10
    malformed: float = 0.05
    anonymous: float = 0.01


def requests(plan: Plan, resources: Sequence[str], now: dt.datetime) -> list[Request]:
    """Requests of 1 to 30 events in no order of time, repeats among them, over the three days before `now`."""
    dice = random.Random(plan.seed)
    visitors = [uuid.UUID(int=dice.getrandbits(128), version=4) for _ in range(plan.visitors)]
    made: list[Request] = []
    count = 0
    while count < plan.events:
        size = min(dice.randint(1, 30), plan.events - count)
        visitor = dice.choice(visitors)
        made.append(_request(dice, plan, visitor, resources[visitor.int % len(resources)], size, now))
        count += size
    good = [(request, item) for request in made for item in request.items if item.reason is None]
    for request, item in dice.sample(good, round(len(good) * plan.repeated)):
        made.append(Request(request.resource, request.agent, request.stamped, (item,)))
    dice.shuffle(made)
    return made


def _request(
    dice: random.Random, plan: Plan, visitor: uuid.UUID, resource: str, size: int, now: dt.datetime
) -> Request:
    start = now - dt.timedelta(seconds=dice.randint(3_600, 3 * 86_400))
    items = tuple(_sent(dice, plan, visitor, start + dt.timedelta(seconds=45 * n)) for n in range(size))
    # Without a visitor there is no feed to read the decided time from: such a request names no time of sending.
    stamped = dice.random() < 0.5 and all(item.event.get("trackingId") for item in items)
    return Request(resource, AGENTS[visitor.int % len(AGENTS)], stamped, items)


def _sent(dice: random.Random, plan: Plan, visitor: uuid.UUID, at: dt.datetime) -> Sent:
    href, referrer = dice.choice(LANDINGS)
    anonymous = dice.random() < plan.anonymous
    event = {
        "id": str(uuid.UUID(int=dice.getrandbits(128), version=4)),
        "trackingId": None if anonymous else str(visitor),
        "type": dice.choice(TYPES),
        "occurred": at.isoformat(timespec="milliseconds"),
        "name": dice.choice(("", "Shoes", "Größe 42", "靴")),
        "value": dice.choice(("", "red")),
        "cost": dice.choice((None, 0, 12.5, 199.99)),
        "href": href,
        "referrer": referrer,
        "language": "en-US",
        "languages": ["en-US", "fr"],
        "platform": "Win32",
        "screen": {
            "width": 1920,
            "height": 1080,
            "availWidth": 1920,
            "availHeight": 1040,
            "pixelDepth": 24,
            "colorDepth": 24,
        },
    }
    if event["type"] == "identify":
        event["contactId"] = str(uuid.UUID(int=dice.getrandbits(128), version=4))
    return _spoilt(dice, event) if dice.random() < plan.malformed else Sent(event)


def _spoilt(dice: random.Random, event: dict[str, Any]) -> Sent:
    match dice.randrange(6):
        case 0:
            del event["type"]
            return Sent(event, "missing_field")
        case 1:
            return Sent(event | {"colour": "red"}, "unknown_field")
        case 2:
            return Sent(event | {"cost": "12,50"}, "invalid_field")
        case 3:
            return Sent(event | {"occurred": "2019-01-01T00:00:00Z"}, "too_old")
        case 4:
            return Sent(event | {"name": "nul\x00"}, "invalid_field")
        case _:
            return Sent(event | {"consent": "denied"}, "consent")


ATTRIBUTIONS = (
    ("direct", "", ""),
    ("email", "newsletter", "newsletter|email|autumn||"),
    ("paid search", "Google Ads", "|||abc|"),
    ("referrers", "Other", ""),
    ("social", "Facebook", "facebook|social|||"),
)
"""Channel, source and campaign of LANDINGS by creatio-contract part 6, worked out by hand."""

DEVICES = (("desktop", "Windows", "Chrome"), ("mobile", "iOS", "Safari"), ("desktop", "Linux", "Firefox"))
"""Device, os and browser of AGENTS, worked out by hand."""


def counted(request: Request, event: dict[str, Any], ts: int, received: int) -> dict[str, Any]:
    """A sent event as `tests.support.recount` takes it. `ts` and `received` in ms."""
    channel, source, campaign = ATTRIBUTIONS[LANDINGS.index((event["href"], event["referrer"]))]
    device, system, browser = DEVICES[AGENTS.index(request.agent)]
    return event | {
        "resource": request.resource,
        "occurred": round(dt.datetime.fromisoformat(event["occurred"]).timestamp() * 1000),
        "ts": ts,
        "received": received,
        "channel": channel,
        "source": source,
        "campaign": campaign,
        "device": device,
        "os": system,
        "browser": browser,
    }
