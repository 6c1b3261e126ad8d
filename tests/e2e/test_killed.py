"""A tenth of `make prove NAME=embedded`: SIGKILL again and again, and every number still right."""

from pathlib import Path

import pytest

from tests.support.proof import KILLS, a_seed, prove
from tests.support.traffic import Plan

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]


async def test_nothing_acknowledged_is_lost_and_nothing_counted_twice(tmp_path: Path, unused_port: int) -> None:
    plan = Plan(events=10_000, visitors=200, seed=a_seed())
    print(plan)  # noqa: T201 - the seed of a failing run
    proof = await prove(tmp_path, unused_port, plan)
    assert proof.sent >= 11_000 * 0.99
    assert proof.kills >= KILLS == 10
    assert (proof.lost, proof.double) == (0, 0)
    assert proof.rejected >= 400
    assert proof.repeated >= 900
