"""From a body to events, each either readable or already judged. Pure.

A whole typed decode serves nearly every request. Only when it fails are the events taken apart, so that a fault inside
one rejects that one and a fault outside refuses the request.
"""

import datetime as dt
import json
import re
import uuid
from typing import Any, Literal, NamedTuple

import msgspec

from footfall_common.clock import to_ms
from footfall_common.errors import UNREADABLE, InvalidInput
from footfall_common.events.keys import event_uuid
from footfall_common.events.model import Event, EventRequest, LooseRequest, Reason, Sdk, Verdict
from footfall_receiver import fitness

_whole = msgspec.json.Decoder(EventRequest).decode
_loose = msgspec.json.Decoder(LooseRequest).decode
_one = msgspec.json.Decoder(Event).decode
_raws = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode


class _Id(msgspec.Struct):
    """An event of which only the id matters; the rest is skipped unread."""

    id: Any = None


_id_of = msgspec.json.Decoder(_Id).decode

_PATH = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<name>[^`]*)`")
_ID_LENGTH = 100
_NUL = b"\\u0000"
"""How JSON spells the character; it may also be a text about it."""


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
    except UNREADABLE:
        return _apart(body, max_events, max_event_bytes)
    events = request.events if isinstance(request.events, list) else [request.events]
    if _NUL in body or not _all_fit(body, max_event_bytes) or any(map(fitness.too_deep, events)):
        return _apart(body, max_events, max_event_bytes)
    _bounded(len(events), max_events)
    return Batch(request.tenant, request.resource, _ms(request.sent), request.sdk, list(events), {})


def _all_fit(body: bytes, max_event_bytes: int) -> bool:
    """Whether no event is too large; a body that is no larger than one event may be needs no look inside."""
    return len(body) <= max_event_bytes or all(len(raw) <= max_event_bytes for raw in _split(_loose(body).events))


def _apart(body: bytes, max_events: int, max_event_bytes: int) -> Batch:
    try:
        request = _loosely(body)
        raws = _split(request.events)
    except msgspec.ValidationError as error:
        code, message, field = explain(error)
        raise InvalidInput(message, code=code, field=field) from error
    except UNREADABLE as error:
        raise _not_json(error) from error
    _bounded(len(raws), max_events)
    ids: dict[uuid.UUID, str] = {}
    events = [_event(request.tenant, raw, max_event_bytes, ids) for raw in raws]
    return Batch(request.tenant, request.resource, _ms(request.sent), request.sdk, events, ids)


def _loosely(body: bytes) -> LooseRequest:
    """The request with its events unread.

    Half a surrogate pair, which is what JavaScript makes of a cut emoji, ends msgspec's reading wherever it stands.
    Written out as bytes it stays inside its event, whose own decode then refuses it.
    """
    try:
        return _loose(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        try:
            text = json.dumps(json.loads(body.decode()), ensure_ascii=False)
        except (ValueError, RecursionError):
            raise error from None
        return _loose(text.encode("utf-8", "surrogatepass"))


def _split(events: msgspec.Raw) -> list[bytes]:
    body = bytes(events)
    return [bytes(raw) for raw in _raws(body)] if body.lstrip()[:1] == b"[" else [body]


def _event(tenant: uuid.UUID, body: bytes, limit: int, ids: dict[uuid.UUID, str]) -> Event | Verdict:
    """One event alone; a fault becomes its verdict, under the id it was sent with where that can be read."""
    if len(body) > limit:
        return Verdict(_shown(body), "rejected", "too_large", f"An event may hold {limit} bytes; shorten it.", None)
    try:
        event = _one(_with_uuid(tenant, body, ids))
    except msgspec.ValidationError as error:
        reason, message, field = explain(error)
        return Verdict(_shown(body), "rejected", reason, message, field)
    except UNREADABLE as error:
        message = (
            f"The event cannot be read ({type(error).__name__}); nest less deeply and send whole UTF-8 characters."
        )
        return Verdict(_shown(body), "rejected", "invalid_field", message, None)
    fault = fitness.fault(event, may_hold_nul=_NUL in body)
    return event if fault is None else Verdict(_shown(body), "rejected", "invalid_field", *fault)


def _with_uuid(tenant: uuid.UUID, body: bytes, ids: dict[uuid.UUID, str]) -> bytes:
    """The event with an id that is no UUID replaced by the one derived from it."""
    sent = _sent_id(body)
    if sent is None or not 0 < len(sent) <= _ID_LENGTH:  # the typed decode refuses it
        return body
    derived = event_uuid(tenant, sent)
    if str(derived) == sent.lower():
        return body
    if derived == uuid.uuid5(tenant, sent):
        ids[derived] = sent
    loose = _any(body)
    loose["id"] = str(derived)
    return msgspec.json.encode(loose)


def _shown(body: bytes) -> str | None:
    """The id to answer under: whoever sends a longer one than allowed gets its beginning back."""
    sent = _sent_id(body)
    return None if sent is None else sent[:_ID_LENGTH]


def _sent_id(body: bytes) -> str | None:
    """The id, also of an event that is at fault elsewhere; None where there is none to be read."""
    try:
        sent = _id_of(body).id
    except UNREADABLE:
        return None
    return sent if isinstance(sent, str) else None


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
