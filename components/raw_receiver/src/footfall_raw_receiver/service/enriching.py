"""What is derived from an event's raw fields: device, channel, source, campaign; kept apart from them, versioned."""

from functools import lru_cache
from typing import Final

import msgspec

from footfall_common.events.model import Enrichment, Event
from footfall_raw_receiver.service.attribution import Attribution, attribute
from footfall_raw_receiver.service.devices import Device, DeviceReader

VERSION: Final = 1
"""Version of the rules; stored with their outcome, so that a rebuild knows what is out of date."""

_LONG: Final = 1_024
"""Addresses longer than this are judged each time: keeping them would let hostile input fill the memory."""

_encode = msgspec.json.Encoder().encode


class Enricher:
    """Enriches events, keeping what it met lately: visitors repeat their browser and their pages."""

    def __init__(self, *, user_agents: int, attributions: int) -> None:
        self._device = lru_cache(user_agents)(DeviceReader().read)
        self._attribute = lru_cache(attributions)(attribute)
        self._encoded = lru_cache(user_agents + attributions)(_encoded)

    def enrich(self, event: Event, user_agent: str, domains: tuple[str, ...]) -> bytes:
        """The event's Enrichment as JSON. `user_agent` is the request's; `domains` are the resource's own."""
        device = self._device(DeviceReader.shorten(event.user_agent or user_agent))
        short = len(event.href) + len(event.referrer) <= _LONG
        judge = self._attribute if short else attribute
        attribution = judge(event.href, event.referrer, domains)
        return (self._encoded if short else _encoded)(device, attribution)


def _encoded(device: Device, attribution: Attribution) -> bytes:
    return _encode(
        Enrichment(
            v=VERSION,
            device=device.kind,
            os=device.os,
            browser=device.browser,
            channel=attribution.channel,
            source=attribution.source,
            campaign=attribution.campaign,
        )
    )
