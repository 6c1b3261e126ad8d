"""The client of the native door, against a receiver that answers as told."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from footfall_common.testing import ManualClock
from footfall_standalone.door import Door, retry_after
from footfall_standalone.exits import CommandFailed, ExitCode
from footfall_standalone.lines import Line

TENANT, RESOURCE = uuid.UUID(int=1), uuid.UUID(int=2)
LINES = [Line(number, str(number), b'{"id":"%d"}' % number) for number in range(1, 6)]
Receiver = Callable[[dict[str, Any]], httpx.Response]


class Sending:
    """A door onto `receiver`, what it received, and how long the door waited."""

    def __init__(self, receiver: Receiver, tries: int = 4) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.waits: list[float] = []
        self.clock = ManualClock(0)

        def handle(request: httpx.Request) -> httpx.Response:
            assert request.url == "http://receiver.test/receiver/api/events"
            self.bodies.append(json.loads(request.content))
            return receiver(self.bodies[-1])

        client = httpx.Client(transport=httpx.MockTransport(handle))
        key = (TENANT, RESOURCE)
        self.door = Door(client, "http://receiver.test/receiver", key, self.clock, self._pause, tries=tries)

    def _pause(self, seconds: float, _why: str) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds=seconds)


def accepting(body: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"events": [{"id": one["id"], "status": "accepted"} for one in body["events"]]})


def refusing(status: int, code: str = "code", **headers: str) -> httpx.Response:
    error = {"error": {"code": code, "message": "the reason", "field": "href"}}
    return httpx.Response(
        status, json=error, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def in_turn(*answers: httpx.Response | Exception) -> Receiver:
    """These answers first, then yes to everything."""
    left = list(answers)

    def receiver(body: dict[str, Any]) -> httpx.Response:
        answer = left.pop(0) if left else accepting(body)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return receiver


def test_each_line_gets_its_verdict() -> None:
    sending = Sending(accepting)
    judged = sending.door.send(LINES)
    assert [(one.line.number, one.verdict.status) for one in judged] == [(n, "accepted") for n in range(1, 6)]
    assert sending.bodies == [
        {
            "v": 1,
            "tenant": str(TENANT),
            "resource": str(RESOURCE),
            "sent": "1970-01-01T00:00:00+00:00",
            "events": [{"id": str(n)} for n in range(1, 6)],
        }
    ]


def test_busy_receivers_are_asked_again_when_they_say_and_only_sent_changes() -> None:
    sending = Sending(in_turn(refusing(503, Retry_After="3"), refusing(429, Retry_After="7")))
    assert {one.verdict.status for one in sending.door.send(LINES)} == {"accepted"}
    assert sending.waits == [3.0, 7.0]
    assert [body.pop("sent")[14:19] for body in sending.bodies] == ["00:00", "00:03", "00:10"]
    assert sending.bodies[0] == sending.bodies[1] == sending.bodies[2]


def test_no_answer_is_waited_for_longer_each_time_then_given_up() -> None:
    sending = Sending(in_turn(*[httpx.ConnectError("refused")] * 4))
    with pytest.raises(CommandFailed, match=r"line 1 after 4 tries.*does not answer \(refused\)") as failed:
        sending.door.send(LINES)
    assert failed.value.code == ExitCode.UNREACHABLE
    assert sending.waits == [0.25, 0.5, 1.0]


@pytest.mark.parametrize(("status", "reason"), [(400, "invalid_field"), (413, "too_large")])
def test_a_request_refused_whole_is_halved_until_the_line_at_fault_is_alone(status: int, reason: str) -> None:
    def receiver(body: dict[str, Any]) -> httpx.Response:
        bad = any(one["id"] == "4" for one in body["events"])
        return refusing(status) if bad else accepting(body)

    judged = Sending(receiver).door.send(LINES)
    assert [one.verdict.status for one in judged] == ["accepted"] * 3 + ["rejected", "accepted"]
    verdict = judged[3].verdict
    assert (verdict.id, verdict.reason, verdict.message, verdict.field) == ("4", reason, "the reason", "href")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_any_other_answer_ends_it_with_the_receivers_words(status: int) -> None:
    with pytest.raises(CommandFailed, match=f"lines 1 to 5: the reason \\({status} inactive\\)") as failed:
        Sending(in_turn(refusing(status, "inactive"))).door.send(LINES)
    assert failed.value.code == ExitCode.FAILED


def test_a_single_line_is_named_as_one() -> None:
    with pytest.raises(CommandFailed, match="refused line 1: the reason"):
        Sending(in_turn(refusing(403, "inactive"))).door.send(LINES[:1])


def test_an_answer_that_is_none_of_ours_is_named_by_its_status() -> None:
    with pytest.raises(CommandFailed, match="answered 502 without saying why"):
        Sending(in_turn(httpx.Response(502, text="<html>"))).door.send(LINES)


@pytest.mark.parametrize(
    ("header", "attempt", "seconds"), [("5", 0, 5.0), ("600", 0, 30.0), ("", 2, 1.0), ("soon", 20, 30.0)]
)
def test_waits_are_what_the_receiver_says_within_half_a_minute(header: str, attempt: int, seconds: float) -> None:
    answer = httpx.Response(503, headers={"retry-after": header} if header else {})
    assert retry_after(answer, attempt) == seconds
