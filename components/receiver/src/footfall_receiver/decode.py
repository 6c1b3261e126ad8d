"""From a body to events, each either readable or already judged. Pure.

A whole typed decode serves nearly every request. Only when it fails are the events taken apart, so that a fault inside
one rejects that one and a fault outside refuses the request.
"""

import datetime as dt
import re
import uuid
from typing import Literal, NamedTuple

import msgspec

from footfall_common.clock import to_ms
from footfall_common.errors import InvalidInput
from footfall_common.events.keys import event_uuid
from footfall_common.events.model import Event, EventRequest, LooseRequest, Reason, Sdk, Verdict

_whole = msgspec.json.Decoder(EventRequest).decode
_loose = msgspec.json.Decoder(LooseRequest).decode
_one = msgspec.json.Decoder(Event).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>[^`]*)`")
_ID_LENGTH = 100
_NUL = b"\\u0000"


class Batch(NamedTuple):
    """A request as it was read: a Verdict stands where an event could not be."""

    tenant: uuid.UUID
    resource: uuid.UUID
    sent: int | None
    sdk: Sdk | None
    events: list[Event | Verdict]
    ids: dict[uuid.UUID, str]
    """Sent ids that are no UUID, by what they became."""


def decode(body: bytes, *, max_events: int, max_event_bytes: int) -> Batch:
    """Read a body; InvalidInput names the field outside the events that is at fault."""
    try:
        request = _whole(body)
    except (msgspec.ValidationError, RecursionError):
        return _apart(body, max_events, max_event_bytes)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _not_json(error) from error
    events = request.events if isinstance(request.events, list) else [request.events]
    if len(body) > max_event_bytes or _NUL in body:
        return _apart(body, max_events, max_event_bytes)
    _bounded(len(events), max_events)
    return Batch(request.tenant, request.resource, _ms(request.sent), request.sdk, list(events), {})


def _apart(body: bytes, max_events: int, max_event_bytes: int) -> Batch:
    try:
        request = _loose(body)
        raws = _split(request.events)
    except msgspec.ValidationError as error:
        code, message, field = explain(error)
        raise InvalidInput(message, code=code, field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(error) from error
    _bounded(len(raws), max_events)
    ids: dict[uuid.UUID, str] = {}
    events = [_event(request.tenant, raw, max_event_bytes, ids) for raw in raws]
    return Batch(request.tenant, request.resource, _ms(request.sent), request.sdk, events, ids)


def _split(raw: msgspec.Raw) -> list[msgspec.Raw]:
    return _raws(raw) if bytes(raw).lstrip()[:1] == b"[" else [raw]


def _event(tenant: uuid.UUID, raw: msgspec.Raw, limit: int, ids: dict[uuid.UUID, str]) -> Event | Verdict:
    """One event alone; a fault becomes its verdict, under the id it was sent with where that can be read."""
    body = bytes(raw)
    if len(body) > limit:
        return Verdict(_shown(body), "rejected", "too_large", f"An event may hold {limit} bytes; shorten it.", None)
    if _NUL in body:
        message = "An event must not hold the character NUL; leave it out."
        return Verdict(_shown(body), "rejected", "invalid_field", message, _nul_field(body))
    try:
        return _one(_with_uuid(tenant, body, ids))
    except msgspec.ValidationError as error:
        reason, message, field = explain(error)
        return Verdict(_shown(body), "rejected", reason, message, field)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        message = f"The event cannot be read: {type(error).__name__}; nest less deeply and send UTF-8."
        return Verdict(None, "rejected", "invalid_field", message, None)


def _with_uuid(tenant: uuid.UUID, body: bytes, ids: dict[uuid.UUID, str]) -> bytes:
    """The event with an id that is no UUID replaced by the one derived from it."""
    sent = _sent_id(body)
    if sent is None or not 0 < len(sent) <= _ID_LENGTH:  # the typed decode refuses it
        return body
    derived = event_uuid(tenant, sent)
    if str(derived) == sent.lower():
        return body
    ids[derived] = sent
    loose = _any(body)
    loose["id"] = str(derived)
    return msgspec.json.encode(loose)


def _shown(body: bytes) -> str | None:
    """The id to answer under: whoever sends a longer one than allowed gets its beginning back."""
    sent = _sent_id(body)
    return None if sent is None else sent[:_ID_LENGTH]


def _sent_id(body: bytes) -> str | None:
    try:
        event = _any(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    sent = event.get("id") if isinstance(event, dict) else None
    return sent if isinstance(sent, str) else None


def _nul_field(body: bytes) -> str | None:
    event = _any(body)
    fields = event.items() if isinstance(event, dict) else ()
    return next((name for name, value in fields if _NUL in msgspec.json.encode(value)), None)


def explain(error: msgspec.ValidationError) -> tuple[Reason, str, str | None]:
    """Reason, sentence and dotted field of a typed decode's error."""
    text = str(error)
    path = match["path"] if (match := _PATH.search(text)) else ""
    sentence = _PATH.sub("", text)
    if named := _NAMED.match(sentence):
        field = f"{path}.{named['name']}" if path else named["name"]
        missing = "missing" in named[0]
        advice = "send it" if missing else "leave it out; unknown fields go into `properties`"
        reason: Literal["missing_field", "unknown_field"] = "missing_field" if missing else "unknown_field"
        return reason, f"{sentence}; {advice}.", field
    return "invalid_field", f"{sentence}.", path or None


def _bounded(count: int, most: int) -> None:
    if not 1 <= count <= most:
        message = f"`events` holds {count} events; send 1 to {most} a request."
        raise InvalidInput(message, code="invalid_field", field="events")


def _not_json(error: Exception) -> InvalidInput:
    detail = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return InvalidInput(f"The body is not JSON: {detail}. Send one JSON object in UTF-8.", code="invalid_json")


def _ms(moment: dt.datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)
