"""A client of the native door: batches of events in, one verdict an event out, the same events again on 503 and 429."""

import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx
import msgspec

from footfall_common.clock import Clock, from_ms
from footfall_common.events.model import VERSION, Status
from footfall_standalone.exits import CommandFailed, ExitCode
from footfall_standalone.lines import Line

_SPLITS = frozenset({400, 413})
_AGAIN = frozenset({429, 503})
_LONGEST_PAUSE = 30.0


Key = tuple[uuid.UUID, uuid.UUID]
"""Tenant and resource: the public write key of a site."""


class Verdict(msgspec.Struct, frozen=True):
    """A verdict as it comes over the wire; `reason` and `message` stand with `rejected`."""

    id: str | None
    status: Status
    reason: str = ""
    message: str = ""
    field: str | None = None


class Judged(NamedTuple):
    """A line and its verdict."""

    line: Line
    verdict: Verdict


class _Answer(msgspec.Struct):
    events: list[Verdict]


class _Error(msgspec.Struct):
    message: str
    code: str = ""
    field: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error


class _Request(msgspec.Struct):
    v: int
    tenant: uuid.UUID
    resource: uuid.UUID
    sent: str
    events: list[msgspec.Raw]


class Door:
    """Sends to one resource. `pause` waits that many seconds, and is told why."""

    def __init__(
        self,
        client: httpx.Client,
        receiver: str,
        key: Key,
        clock: Clock,
        pause: Callable[[float, str], None],
        *,
        tries: int,
    ) -> None:
        self._client = client
        self._url = f"{receiver}/api/events"
        self._key = key
        self._clock = clock
        self._pause = pause
        self._tries = tries

    def send(self, batch: Sequence[Line]) -> list[Judged]:
        """A verdict for each line. A request that is refused whole is halved until the line at fault is alone."""
        answer = self._post(batch)
        if answer.status_code == httpx.codes.OK:
            verdicts = msgspec.json.decode(answer.content, type=_Answer).events
            return [Judged(line, verdict) for line, verdict in zip(batch, verdicts, strict=True)]
        error = _error_of(answer)
        if answer.status_code not in _SPLITS:
            raise CommandFailed(
                f"The receiver refused {_named(batch)}: {error.message} ({answer.status_code} {error.code}).",
                ExitCode.FAILED,
            )
        if len(batch) > 1:
            half = len(batch) // 2
            return self.send(batch[:half]) + self.send(batch[half:])
        too_large = answer.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        reason = "too_large" if too_large else "invalid_field"
        return [Judged(batch[0], Verdict(batch[0].id, "rejected", reason, error.message, error.field))]

    def _post(self, batch: Sequence[Line]) -> httpx.Response:
        reason = ""
        for attempt in range(self._tries):
            try:
                answer = self._client.post(
                    self._url, content=self._body(batch), headers={"content-type": "application/json"}
                )
            except httpx.TransportError as error:
                wait, reason = _backoff(attempt), f"{self._url} does not answer ({error})"
            else:
                if answer.status_code not in _AGAIN:
                    return answer
                wait, reason = retry_after(answer, attempt), _error_of(answer).message
            if attempt + 1 < self._tries:
                self._pause(wait, reason)
        raise CommandFailed(
            f"Gave up at line {batch[0].number} after {self._tries} tries: {reason}; events that were accepted stand, "
            "and sending the same file again is safe where its events have ids.",
            ExitCode.UNREACHABLE,
        )

    def _body(self, batch: Sequence[Line]) -> bytes:
        """Only `sent` differs from one try to the next."""
        tenant, resource = self._key
        return msgspec.json.encode(
            _Request(
                v=VERSION,
                tenant=tenant,
                resource=resource,
                sent=from_ms(self._clock.now_ms()).isoformat(),
                events=[msgspec.Raw(line.event) for line in batch],
            )
        )


def retry_after(answer: httpx.Response, attempt: int) -> float:
    """Seconds to wait: what the answer says, at most half a minute; else longer each time."""
    given = answer.headers.get("retry-after", "")
    return min(float(given), _LONGEST_PAUSE) if given.isdigit() else _backoff(attempt)


def _named(batch: Sequence[Line]) -> str:
    first, last = batch[0].number, batch[-1].number
    return f"line {first}" if first == last else f"lines {first} to {last}"


def _backoff(attempt: int) -> float:
    return min(0.25 * 2.0**attempt, _LONGEST_PAUSE)


def _error_of(answer: httpx.Response) -> _Error:
    try:
        return msgspec.json.decode(answer.content, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Error(message=f"it answered {answer.status_code} without saying why")
