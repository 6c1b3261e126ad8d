"""The part of the fault matrix that CI has time for; `make prove NAME=faults` runs all of it."""

import pytest

from tests.support.faults.frame import Times, run
from tests.support.faults.scenarios import SCENARIOS
from tests.support.faults.stack import Stack
from tests.support.proof import a_seed
from tests.support.traffic import Plan

pytestmark = [
    pytest.mark.faults,
    pytest.mark.kafka,
    pytest.mark.cassandra,
    pytest.mark.integration,
    pytest.mark.timeout(300),
]
IN_CI = (
    "broker-killed",
    "receiver-killed",
    "raw-receiver-killed",
    "bucket-worker-killed",
    "kafka-cut",
    "cassandra-down",
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
SHORT = Times(longest=9.0, outage=9.0)
EVENTS = 600


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", IN_CI)
async def test_nothing_acknowledged_is_lost_and_nothing_counted_twice(stack: Stack, name: str) -> None:
    plan = Plan(events=EVENTS, visitors=60, seed=a_seed())
    print(plan)  # noqa: T201 - the seed of a failing run
    outcome = await run(stack, BY_NAME[name], plan, SHORT)
    assert (outcome.lost, outcome.double, outcome.failure) == (0, 0, ""), f"{outcome}; logs in {stack.folder}"
    assert outcome.accepted >= EVENTS * 0.9


def test_the_matrix_is_whole_and_each_scenario_has_its_own_name() -> None:
    assert len(BY_NAME) == len(SCENARIOS) >= 14
