"""What types cannot say of an event: nesting that some reader would choke on, characters that no store takes. Pure."""

from typing import NamedTuple

import msgspec

from footfall_common.events.model import Event

DEPTH = 32
"""Levels of nesting in contexts: what every reader takes, however deep its own stack is."""


class Fault(NamedTuple):
    """A sentence with the way out, and the field."""

    message: str
    field: str


def fault(event: Event, *, may_hold_nul: bool) -> Fault | None:
    """Why an event must not be taken; `may_hold_nul` saves the look at every text where there can be none."""
    if too_deep(event):
        return Fault(f"`contexts` may be nested {DEPTH} levels deep; flatten it.", "contexts")
    if may_hold_nul and (field := _nul_field(event)):
        return Fault("An event must not hold the character NUL; leave it out.", field)
    return None


def too_deep(event: Event) -> bool:
    """Whether its contexts nest deeper than readers bear."""
    return bool(event.contexts) and _deeper(event.contexts, DEPTH)


def _deeper(value: object, levels: int) -> bool:
    """Whether a decoded value nests deeper than that; looks no further down."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper(one, levels - 1) for one in inner)


def _nul_field(event: Event) -> str | None:
    fields: dict[str, object] = msgspec.to_builtins(event)
    return next((name for name, value in fields.items() if _holds_nul(value)), None)


def _holds_nul(value: object) -> bool:
    match value:
        case str():
            return "\0" in value
        case dict():
            return any(_holds_nul(name) or _holds_nul(inner) for name, inner in value.items())
        case list():
            return any(map(_holds_nul, value))
        case _:
            return False
