"""What the operator says of a resource. Pure: what did not change keeps its time, so nothing is written."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

MESSAGE: Final = 1_024
"""A condition's message is cut at this many characters, as the CRD bounds it."""


class Reason(StrEnum):
    """Every reason of every condition; docs/conditions.md says what each means and what to do."""

    READY = "Ready"
    AS_DESIRED = "AsDesired"
    PLATFORM_VALID = "PlatformValid"
    PLATFORM_MISSING = "PlatformMissing"
    PLATFORM_INVALID = "PlatformInvalid"
    CLAIMED = "Claimed"
    CLAIMED_BY_ANOTHER = "ClaimedByAnother"
    NAMESPACE_NOT_BOUND = "NamespaceNotBound"
    SYSTEM_NAMESPACE = "SystemNamespace"
    UNSUPPORTED_VERSION = "UnsupportedVersion"
    INVALID_SPEC = "InvalidSpec"
    TOO_MANY_TENANTS = "TooManyTenants"
    ROLLING_OUT = "RollingOut"
    REFUSED = "Refused"
    UNREACHABLE = "Unreachable"
    PAUSED = "Paused"
    RUNNING = "Running"
    DELETING = "Deleting"
    NOT_STALLED = "NotStalled"
    WAITING = "Waiting"


class Said(NamedTuple):
    """One condition as it is now; when it became so is worked out from what stood before."""

    type: str
    status: str
    reason: Reason
    message: str = ""


def true(kind: str, reason: Reason, message: str = "") -> Said:
    """It is so."""
    return Said(kind, "True", reason, message)


def false(kind: str, reason: Reason, message: str = "") -> Said:
    """It is not so."""
    return Said(kind, "False", reason, message)


def unknown(kind: str, reason: Reason, message: str = "") -> Said:
    """It could not be found out."""
    return Said(kind, "Unknown", reason, message)


def conditions(
    said: Iterable[Said], before: Iterable[Mapping[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """As the API server keeps them; sorted by type, so that equal ones are equal."""
    stood = {one["type"]: one for one in before}
    return [_condition(one, stood.get(one.type), generation, now) for one in sorted(said)]


def _condition(said: Said, before: Mapping[str, Any] | None, generation: int, now: str) -> dict[str, Any]:
    since = before["lastTransitionTime"] if before and before["status"] == said.status else now
    return {
        "type": said.type,
        "status": said.status,
        "reason": said.reason.value,
        "message": said.message[:MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }


def transitions(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Conditions whose status or reason is another than before: what an event tells."""
    stood = {one["type"]: (one["status"], one["reason"]) for one in before}
    return [one for one in after if stood.get(one["type"]) != (one["status"], one["reason"])]
