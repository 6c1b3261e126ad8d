"""What the operator says of a resource. Pure: what did not change keeps its time, so nothing is written."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

MESSAGE: Final = 1_024
"""A condition's message is cut at this many characters, as the CRD bounds it."""


class Reason(StrEnum):
    """Every reason of every condition and event; REASONS says what each means and what to do."""

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
    PULL_SECRET_MISSING = "PullSecretMissing"  # noqa: S105 - a word
    REFUSED = "Refused"
    NO_ANSWER = "NoAnswer"
    ROLLING_OUT = "RollingOut"
    PAUSED = "Paused"
    NOT_STALLED = "NotStalled"
    WAITING = "Waiting"


REASONS: Final[Mapping[Reason, str]] = {
    Reason.READY: "All of it stands and its pods are ready.",
    Reason.AS_DESIRED: "Everything in Kubernetes is as the resource wishes it.",
    Reason.PLATFORM_VALID: "There is a TrackingPlatform, and it can be read.",
    Reason.PLATFORM_MISSING: "There is no TrackingPlatform named default. Apply one; tenants go on by themselves.",
    Reason.PLATFORM_INVALID: "The TrackingPlatform holds what this operator cannot read; the message names the field.",
    Reason.CLAIMED: "The tenant's id and hosts are its own.",
    Reason.CLAIMED_BY_ANOTHER: "Its id, or a host, is held by the tenant that the message names. A platform engineer "
    "passes it on with `kubectl footfall release`; else choose another.",
    Reason.NAMESPACE_NOT_BOUND: "The operator may not write here. The message holds the command that binds it.",
    Reason.SYSTEM_NAMESPACE: "Tenants are made in namespaces of their own, not in the operator's.",
    Reason.UNSUPPORTED_VERSION: "The spec holds a field that this operator does not know: upgrade it.",
    Reason.INVALID_SPEC: "The spec holds what the schema could not refuse; the message names the field.",
    Reason.TOO_MANY_TENANTS: "The platform's tenancy allows no more of this placement; those that stand go on.",
    Reason.PULL_SECRET_MISSING: "A Secret of images.pullSecrets is not in the operator's namespace; it is looked for "
    "again at each resync.",
    Reason.REFUSED: "The API server does not let it be made: a quota, a policy, a webhook "
    "that changes it, or what stands there already.",
    Reason.NO_ANSWER: "The API server, or a webhook that it asks, has failed several times in a row; the message "
    "holds its words. The operator goes on trying.",
    Reason.ROLLING_OUT: "Pods are not ready yet; the message says which, as ready/wanted.",
    Reason.PAUSED: "The annotation footfall.dev/paused is true: nothing is written but this.",
    Reason.NOT_STALLED: "Nothing stands in the way that somebody would have to change.",
    Reason.WAITING: "It goes on by itself once what the message names is there.",
}
"""What each means, and the way out."""

TYPES: Final[Mapping[str, str]] = {
    "Ready": "it works",
    "Synced": "everything in Kubernetes is as it should be",
    "Reconciling": "the operator, or a rollout, is still at it",
    "Stalled": "nothing goes on until somebody changes something",
    "Paused": "the operator was told to leave it alone",
    "PlatformReady": "the TrackingPlatform can be built upon",
    "Claimed": "id and hosts are the tenant's own",
    "WorkloadsReady": "all pods are ready",
}
"""Every condition: what True means."""


def conditions_page() -> str:
    """All of them as a Markdown page."""
    lines = [
        "# Conditions",
        "",
        "`kubectl get tt -o wide` shows Ready and its reason; `kubectl describe` shows all.",
        "",
    ]
    lines += ["| condition | True means |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in TYPES.items()]
    lines += ["", "| reason, also of events | meaning and way out |", "|---|---|"]
    lines += [f"| `{reason.value}` | {REASONS[reason]} |" for reason in sorted(REASONS)]
    return "\n".join([*lines, ""])


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
