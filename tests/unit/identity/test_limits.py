"""What bounds identity's own memory and patience."""

import uuid
from typing import cast

import pytest

from footfall_common.errors import Conflict, Unavailable
from footfall_common.store import Directory, StoredDocument
from footfall_common.testing import ManualClock
from footfall_identity.repository import Documents
from footfall_identity.service.attempts import FailedAttempts

ACME = uuid.UUID(int=1)


def test_failures_are_refilled_over_time_up_to_the_burst() -> None:
    clock = ManualClock()
    attempts = FailedAttempts(clock, burst=2, per_minute=6)
    assert [attempts.failed("a") for _ in range(3)] == [0, 0, 10]
    clock.advance(seconds=5)
    assert attempts.failed("a") == 5
    clock.advance(seconds=5)
    assert attempts.failed("a") == 0
    clock.advance(seconds=3600)
    assert [attempts.failed("a") for _ in range(3)] == [0, 0, 10]


def test_the_client_that_failed_longest_ago_is_forgotten_first() -> None:
    attempts = FailedAttempts(ManualClock(), burst=1, per_minute=1)
    for number in range(10_001):
        attempts.failed(str(number))
    assert attempts.failed("1") == 60
    assert attempts.failed("0") == 0


class Contended:
    """A directory where somebody else is always first."""

    async def get(self, _key: bytes) -> StoredDocument | None:
        return None

    async def put(self, _key: bytes, _body: bytes, _revision: int) -> None:
        raise Conflict("Somebody else was first.")


async def test_a_document_that_others_keep_changing_is_given_up_on_with_a_retry() -> None:
    documents = Documents(cast("Directory", Contended()))
    with pytest.raises(Unavailable, match="try again"):
        await documents.client(ACME, ACME, revoked_before=0, deleted=False)
