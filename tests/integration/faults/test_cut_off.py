"""A receiver that cannot reach Kafka says so in time, and takes events again by itself."""

import asyncio
import datetime as dt
import time
import uuid

import httpx
import pytest

from footfall_common.testing import eventually
from tests.support.account import Account
from tests.support.faults.stack import Stack
from tests.support.process import event

pytestmark = [
    pytest.mark.faults,
    pytest.mark.kafka,
    pytest.mark.cassandra,
    pytest.mark.integration,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
]
DEADLINE = 8.0
"""FOOTFALL_KAFKA_DEADLINE_SECONDS."""
SLACK = 1.0
RETURN = 5.0


async def posted(account: Account) -> httpx.Response:
    """The answer to one new event."""
    one = event(str(uuid.uuid4()), dt.datetime.now(dt.UTC).isoformat())
    body = {"v": 1, "tenant": account.tenant, "resource": account.resources[0], "events": [one]}
    return await account.client.post(account.door, json=body)


@pytest.mark.parametrize("way", ["cut", "swallow", "stall"])
async def test_it_answers_503_within_its_deadline_and_recovers_by_itself(stack: Stack, way: str) -> None:
    account = await stack.account(f"cut-off-{way}-{uuid.uuid4().hex[:6]}")
    assert (await posted(account)).status_code == 200
    links = stack.world.kafka_links
    try:
        for link in links:
            getattr(link, way)()
        began = time.monotonic()
        answers = await asyncio.gather(*(posted(account) for _ in range(5)))
        assert time.monotonic() - began <= DEADLINE + SLACK
        for answer in answers:
            assert answer.status_code == 503, answer.text
            assert answer.json()["error"]["code"] == "bus_unavailable"
            assert int(answer.headers["retry-after"]) >= 1
        assert (await stack.client.get(f"{stack.receiver.base}/livez")).status_code == 200
        assert (await stack.client.get(f"{stack.receiver.base}/readyz")).status_code == 503
    finally:
        for link in links:
            link.restore()
    began = time.monotonic()

    async def taken() -> bool:
        return (await posted(account)).status_code == 200

    await eventually(taken, 60)
    assert time.monotonic() - began <= RETURN
    await stack.heal()
