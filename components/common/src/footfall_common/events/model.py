"""The envelope's types, from the native door to the store.

`docs/event-schema.json` is generated from these; golden payloads lie in `tests/data/events/`.
Shapes: times on the door are ISO 8601 with a zone, inside they are integers, milliseconds since the epoch.
"""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

VERSION = 1
"""Version of the envelope; a reader refuses what is newer than it."""

IDENTIFY = "identify"
ALIAS = "alias"
PAGE_LOAD = "page-load"
HIDDEN_TYPES = frozenset({IDENTIFY, ALIAS})
"""Types that are stored but appear in no feed, page view, visit or goal."""

Short = Annotated[str, Meta(max_length=255)]
Text = Annotated[str, Meta(max_length=4096)]
Address = Annotated[str, Meta(max_length=8192)]
Agent = Annotated[str, Meta(max_length=1024)]
EventType = Annotated[str, Meta(min_length=1, max_length=64)]
Moment = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Scalar = str | int | float | bool | None
Consent = Literal["granted", "denied", "unknown"]


class Screen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The visitor's screen, in CSS pixels and bits."""

    width: Count = 0
    height: Count = 0
    avail_width: Count = 0
    avail_height: Count = 0
    pixel_depth: Count = 0
    color_depth: Count = 0


class Sdk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The software that sent the events."""

    name: Short
    version: Short = ""


class Event(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True, kw_only=True):
    """One event as its sender froze it. Never changed after it was accepted."""

    id: uuid.UUID
    tracking_id: uuid.UUID | None
    type: EventType
    occurred: Moment
    page_view: uuid.UUID | None = None
    seq: Count = 0
    name: Text = ""
    value: Text = ""
    cost: Annotated[float, Meta(ge=-1e15, le=1e15)] | None = None
    href: Address = ""
    referrer: Address = ""
    title: Text = ""
    language: Short = ""
    languages: Annotated[list[Short], Meta(max_length=32)] = []
    platform: Short = ""
    screen: Screen | None = None
    properties: Annotated[dict[Short, Scalar], Meta(max_length=200)] = {}
    contexts: Annotated[list[dict[str, Any]], Meta(max_length=50)] = []
    consent: Consent = "unknown"
    contact_id: uuid.UUID | None = None
    bulk_email_recipient_id: uuid.UUID | None = None
    app_version: Short = ""
    user_agent: Agent = ""
    signature: Short = ""


class EventRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST <receiver>/api/events`, whole and typed."""

    v: Literal[1]
    tenant: uuid.UUID
    resource: uuid.UUID
    events: Event | Annotated[list[Event], Meta(min_length=1)]
    sent: Moment | None = None
    sdk: Sdk | None = None


class LooseRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The same body with the events left raw, to judge them one by one when one of them is at fault."""

    v: Literal[1]
    tenant: uuid.UUID
    resource: uuid.UUID
    events: msgspec.Raw
    sent: Moment | None = None
    sdk: Sdk | None = None


class RawRecord(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One bus record of topic `events.raw`: the events of one visitor out of one request."""

    v: int
    tenant: uuid.UUID
    resource: uuid.UUID
    received: int
    sent: int | None = None
    sdk: Sdk | None = None
    user_agent: str = ""
    address: str = ""
    events: list[Event]


class StoredEvent(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """One event as the store keeps it: what was sent, and what was decided once about it."""

    event: Event
    resource: uuid.UUID
    received: int
    ts: int
    clamped: bool = False
    sent: int | None = None
    sdk: Sdk | None = None
    user_agent: str = ""
    address: str = ""


class Enrichment(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True, kw_only=True):
    """What is derived from the stored raw fields; writing it again is harmless."""

    v: int
    device: str = "other"
    os: str = ""
    browser: str = ""
    channel: str = ""
    source: str = ""
    campaign: str = ""


SentId = Annotated[Any, Meta(extra_json_schema={"type": ["string", "null"]})]
"""A UUID, a text, or None where none could be read. Any, since a union of two text-like types cannot be decoded."""
Status = Literal["accepted", "duplicate", "rejected"]
Reason = Literal["missing_field", "invalid_field", "unknown_field", "too_old", "too_large", "visitor_limit", "consent"]


class Verdict(msgspec.Struct, omit_defaults=True, frozen=True):
    """The answer to one event; `accepted` and `duplicate` both mean stored. `id` as sent, UUIDs in lower case."""

    id: SentId
    status: Status
    reason: Reason | None = None
    message: str | None = None
    field: str | None = None
