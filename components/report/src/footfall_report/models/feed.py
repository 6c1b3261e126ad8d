"""The feed as Creatio's client sends and reads it; every fact of that public contract stands in this module."""

import datetime as dt
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from footfall_common.clock import from_ms
from footfall_common.errors import InvalidInput
from footfall_common.events.model import HIDDEN_TYPES, Enrichment, Screen
from footfall_common.store import FeedRow

DEFAULT_COUNT = 50
GREATEST_COUNT = 500


class FeedQuery(NamedTuple):
    """What one call asks for: visitors (sorted, each once), where to go on (None = first page), rows a page."""

    visitors: tuple[uuid.UUID, ...]
    offset: str | None
    size: int


class FeedEvent(msgspec.Struct, rename="camel", kw_only=True):
    """One event of the feed; every field is always there."""

    event_id: str
    event_type: str
    event_name: str
    event_value: str
    event_cost: str
    timestamp: str
    href: str
    referrer: str
    language: str
    platform: str
    browser: str
    languages: str
    screen_width: int
    screen_height: int
    screen_pixel_depth: int
    screen_color_depth: int
    screen_avail_width: int
    screen_avail_height: int


class FeedAnswer(msgspec.Struct, rename="camel", kw_only=True):
    """A page. An `offset` stands on every page that is not empty; the end is no events and a null offset."""

    offset: str | None = None
    events: list[FeedEvent] = []
    error_message: str = ""


def parse(body: Any, most_ids: int) -> FeedQuery:
    """The query in decoded JSON, its names in any case, unknown ones ignored; InvalidInput names the field at fault."""
    if not isinstance(body, Mapping):
        raise InvalidInput("The body is not a JSON object; send {offset, count, creatioTrackingIds}.", field="body")
    given = {name.lower(): value for name, value in body.items()}
    return FeedQuery(
        visitors=_visitors(given.get("creatiotrackingids"), most_ids),
        offset=_offset(given.get("offset")),
        size=_count(given.get("count")),
    )


def _visitors(value: Any, most: int) -> tuple[uuid.UUID, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidInput("creatioTrackingIds is not a list; send a list of GUIDs.", field="creatioTrackingIds")
    if len(value) > most:
        raise InvalidInput(
            f"creatioTrackingIds holds {len(value)} ids, {most} are allowed; ask for fewer at once.",
            field="creatioTrackingIds",
        )
    try:
        return tuple(sorted(set(msgspec.convert(value, list[uuid.UUID]))))
    except msgspec.ValidationError as error:
        place = str(error).rpartition("$")[2].rstrip("`")  # msgspec ends with: - at `$[3]`
        raise InvalidInput(f"creatioTrackingIds{place} is not a GUID.", field="creatioTrackingIds") from error


def _offset(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidInput("offset is not a text; hand back the offset of the page before, or null.", field="offset")


def _count(value: Any) -> int:
    if value is None:
        return DEFAULT_COUNT
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidInput("count is not a whole number; send 1 to 500, or 0 for 50.", field="count")
    if value < 0:
        raise InvalidInput("count is negative; send 1 to 500, or 0 for 50.", field="count")
    return min(value, GREATEST_COUNT) or DEFAULT_COUNT


class _Told(msgspec.Struct, frozen=True, kw_only=True):
    """What Creatio is told of an event; properties and contexts are skipped unread."""

    type: str
    name: str = ""
    value: str = ""
    cost: float | None = None
    href: str = ""
    referrer: str = ""
    language: str = ""
    languages: list[str] = []
    platform: str = ""
    screen: Screen | None = None


class _Stored(msgspec.Struct, frozen=True):
    event: _Told


_decode_stored = msgspec.json.Decoder(_Stored).decode
_decode_enriched = msgspec.json.Decoder(Enrichment).decode


class Shown(NamedTuple):
    """An event of the feed and its place there."""

    ts: int
    event_id: uuid.UUID
    visitor: uuid.UUID
    event: FeedEvent


def shown(row: FeedRow) -> Shown | None:
    """The row as Creatio reads it, None for a type that is in no feed; raises one of errors.UNREADABLE.

    To be decoded once: how deep a nesting may be depends on how deep its reader stands in calls of its own.
    """
    told, enriched = _decode_stored(row.raw).event, _decode_enriched(row.enriched)
    if told.type.lower() in HIDDEN_TYPES:
        return None
    return Shown(row.ts, row.event_id, row.visitor, _feed_event(row, told, enriched))


def _feed_event(row: FeedRow, event: _Told, enriched: Enrichment) -> FeedEvent:
    screen = event.screen or Screen()
    return FeedEvent(
        event_id=str(row.event_id),
        event_type=event.type,
        event_name=event.name,
        event_value=event.value,
        event_cost=plain_decimal(event.cost),
        timestamp=timestamp(row.ts),
        href=event.href,
        referrer=event.referrer,
        language=event.language,
        platform=event.platform,
        browser=enriched.browser,
        languages=", ".join(event.languages),
        screen_width=screen.width,
        screen_height=screen.height,
        screen_pixel_depth=screen.pixel_depth,
        screen_color_depth=screen.color_depth,
        screen_avail_width=screen.avail_width,
        screen_avail_height=screen.avail_height,
    )


def plain_decimal(value: float | None) -> str:
    """`""` for none, else the shortest decimal that reads back the same, without an exponent."""
    if value is None:
        return ""
    if value == int(value):
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def timestamp(ts: int) -> str:
    """UTC in milliseconds without a zone, as the client parses it."""
    return from_ms(ts).astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
