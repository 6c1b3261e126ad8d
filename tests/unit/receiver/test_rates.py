"""Token buckets a tenant and a resource."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.documents import Limits, ResourceDocument, TenantDocument
from footfall_receiver.rates import Limit, Rates, limits_of, whole_seconds

ACME = Limit(1, None, 100)
SHOP = Limit(1, 7, 10)
OTHER = Limit(2, None, 100)


def documents(wide: int | None, narrow: int | None) -> tuple[TenantDocument, ResourceDocument]:
    tenant, resource = uuid.UUID(int=1), uuid.UUID(int=7)
    return (
        TenantDocument(
            tenant=tenant, revision=1, tenant_id="acme", placement="Pooled", limits=Limits(events_per_second=wide)
        ),
        ResourceDocument(
            tenant=tenant, resource=resource, revision=1, origin="manifest", limits=Limits(events_per_second=narrow)
        ),
    )


@pytest.mark.parametrize(
    ("wide", "narrow", "held_to"),
    [(None, None, ()), (100, None, (ACME,)), (None, 10, (SHOP,)), (100, 10, (ACME, SHOP))],
)
def test_a_request_is_held_to_the_limits_that_its_tenant_and_resource_have(
    wide: int | None, narrow: int | None, held_to: tuple[Limit, ...]
) -> None:
    assert limits_of(*documents(wide, narrow)) == held_to


def test_a_burst_goes_in_and_then_the_rate() -> None:
    rates = Rates(burst=2, replicas=1)
    assert all(rates.take([ACME], 20, 5.0) is None for _ in range(10))
    refusal = rates.take([ACME], 1, 5.0)
    assert refusal is not None
    assert refusal.limit is ACME
    assert refusal.seconds == pytest.approx(0.01)
    assert rates.take([ACME], 1, 5.0101) is None
    assert rates.take([ACME], 1, 5.0101) is not None


def test_the_limit_is_shared_among_the_receivers() -> None:
    rates = Rates(burst=1, replicas=4)
    assert all(rates.take([ACME], 1, 0.0) is None for _ in range(25))
    assert rates.take([ACME], 1, 0.0) is not None


def test_a_refused_request_takes_nothing_from_the_other_limit() -> None:
    rates = Rates(burst=1, replicas=1)
    assert rates.take([ACME, SHOP], 10, 0.0) is None
    refusal = rates.take([ACME, SHOP], 50, 0.0)
    assert refusal is not None
    assert refusal.limit is SHOP
    assert rates.take([ACME], 90, 0.0) is None
    assert rates.take([ACME], 1, 0.0) is not None


def test_tenants_do_not_touch_each_other() -> None:
    rates = Rates(burst=1, replicas=1)
    assert rates.take([ACME], 100, 0.0) is None
    assert rates.take([ACME], 1, 0.0) is not None
    assert rates.take([OTHER], 100, 0.0) is None


def test_a_request_larger_than_its_bucket_waits_until_it_is_full_and_then_owes_the_rest() -> None:
    rates = Rates(burst=2, replicas=1)
    assert rates.take([SHOP], 1, 0.0) is None
    refusal = rates.take([SHOP], 500, 0.0)
    assert refusal is not None
    assert refusal.seconds == pytest.approx(0.1)
    assert rates.take([SHOP], 500, 0.1) is None
    owes = rates.take([SHOP], 1, 0.1)
    assert owes is not None
    assert whole_seconds(owes) == 49  # 50 s for 500 events, less the two seconds of the bucket, plus one event


def test_waiting_as_long_as_it_said_is_enough() -> None:
    rates = Rates(burst=2, replicas=3)
    now = 0.0
    for _ in range(200):
        while (refusal := rates.take([ACME, SHOP], 7, now)) is not None:
            before = now
            now += whole_seconds(refusal)
            assert rates.take([refusal.limit], 0, now) is None
            assert now > before


def test_what_was_not_used_is_given_back() -> None:
    rates = Rates(burst=1, replicas=1)
    assert rates.take([ACME], 100, 0.0) is None
    rates.give_back([ACME], 100)
    assert rates.take([ACME], 100, 0.0) is None
    assert rates.take([ACME], 1, 0.0) is not None


def test_an_edited_limit_acts_at_once() -> None:
    rates = Rates(burst=1, replicas=1)
    assert rates.take([SHOP], 500, 0.0) is None
    assert rates.take([SHOP], 1, 1.0) is not None
    assert rates.take([SHOP._replace(per_second=1000)], 500, 1.0) is None


def test_memory_is_bounded_by_the_buckets_that_are_not_full() -> None:
    rates = Rates(burst=1, replicas=1)
    for number in range(20_000):
        assert rates.take([Limit(number, None, 1)], 1, float(number)) is None
    assert rates.held <= 1024


Requests = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 500)), min_size=1, max_size=60)


@given(Requests, st.integers(1, 1_000), st.integers(1, 5), st.floats(0.1, 30))
def test_never_more_is_taken_than_the_rate_and_one_burst(
    requests: list[tuple[int, int]], per_second: int, replicas: int, burst: float
) -> None:
    """The events of any span of time, but for what a request larger than the bucket is lent."""
    rates = Rates(burst=burst, replicas=replicas)
    limit = Limit(1, None, per_second)
    rate = per_second / replicas
    now_ms, taken = 0, [(0.0, 0)]
    for wait_ms, events in requests:
        now_ms += wait_ms
        if rates.take([limit], events, now_ms / 1000) is None:
            taken.append((now_ms / 1000, events))
    for first in range(1, len(taken)):
        total = 0
        for at, events in taken[first:]:
            total += events
            lent = max(0.0, max(size for _, size in taken[first:]) - rate * burst)
            assert total <= rate * (at - taken[first][0] + burst) + lent + 0.01
