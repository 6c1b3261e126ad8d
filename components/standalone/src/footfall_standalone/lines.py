"""Events as lines of JSON: reading them, and cutting them into requests the native door takes."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from footfall_common.clock import Clock, NewId, from_ms
from footfall_common.errors import UNREADABLE

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode
_id_of = msgspec.json.Decoder(str).decode


class Line(NamedTuple):
    """An event: the number of its line (1 is the first), its id as written, and its JSON."""

    number: int
    id: str | None
    event: bytes


class Fault(NamedTuple):
    """A line that is no event at all; it is not sent."""

    number: int
    message: str


Complete = Callable[[dict[str, msgspec.Raw]], bytes | None]
"""Fills in what an event lacks; None = nothing was lacking."""


def completer(clock: Clock, new_id: NewId) -> Complete:
    """Gives an event without id, time or visitor a new id, the present time and no visitor."""

    def complete(event: dict[str, msgspec.Raw]) -> bytes | None:
        lacking = {"id", "occurred", "trackingId"} - event.keys()
        if not lacking:
            return None
        defaults: dict[str, object] = {
            "id": new_id(),
            "occurred": from_ms(clock.now_ms()),
            "trackingId": None,
        }
        return _encode({**event, **{name: defaults[name] for name in lacking}})

    return complete


def read(lines: Iterable[bytes], complete: Complete | None) -> Iterator[Line | Fault]:
    """Every line that is not blank, in order."""
    for number, raw in enumerate(lines, start=1):
        text = raw.strip()
        if text:
            yield _read(number, text, complete)


def batches(lines: Iterable[Line], events: int, size: int) -> Iterator[tuple[Line, ...]]:
    """Runs of lines of at most that many events and, but for a single line that is longer, that many bytes."""
    batch: list[Line] = []
    held = 0
    for line in lines:
        if batch and (len(batch) == events or held + len(line.event) > size):
            yield tuple(batch)
            batch, held = [], 0
        batch.append(line)
        held += len(line.event) + 1
    if batch:
        yield tuple(batch)


def _read(number: int, text: bytes, complete: Complete | None) -> Line | Fault:
    try:
        text.decode()
        event = _object.decode(text)
        filled = complete(event) if complete else None
        return Line(number, _id(_object.decode(filled) if filled else event), filled or text)
    except UNREADABLE as error:
        return Fault(number, f"not a JSON object: {error}")


def _id(event: dict[str, msgspec.Raw]) -> str | None:
    try:
        return _id_of(event["id"])
    except (KeyError, msgspec.DecodeError):
        return None
