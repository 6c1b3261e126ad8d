"""What is said of a resource: nothing new where nothing changed."""

from footfall_operator.status import (
    MESSAGE,
    REASONS,
    Reason,
    conditions,
    conditions_page,
    false,
    transitions,
    true,
    unknown,
)

THEN, NOW = "2026-11-26T04:00:00Z", "2026-11-26T05:00:00Z"
READY = true("Ready", Reason.READY)


def test_a_condition_that_stays_keeps_its_time() -> None:
    before = conditions([READY], [], 1, THEN)
    assert conditions([READY], before, 1, NOW) == before
    (changed,) = conditions([false("Ready", Reason.ROLLING_OUT, "a 0/1")], before, 2, NOW)
    assert changed == {
        "type": "Ready",
        "status": "False",
        "reason": "RollingOut",
        "message": "a 0/1",
        "observedGeneration": 2,
        "lastTransitionTime": NOW,
    }


def test_another_reason_of_the_same_status_is_no_transition_in_time_but_one_for_an_event() -> None:
    before = conditions([false("Ready", Reason.ROLLING_OUT)], [], 1, THEN)
    after = conditions([false("Ready", Reason.WAITING)], before, 1, NOW)
    assert after[0]["lastTransitionTime"] == THEN
    assert transitions(before, after) == after
    assert transitions(after, after) == []


def test_the_order_in_which_things_are_said_does_not_matter() -> None:
    said = [READY, unknown("Claimed", Reason.WAITING)]
    assert conditions(said, [], 1, NOW) == conditions(said[::-1], [], 1, NOW)


def test_a_long_message_is_cut_as_the_crd_bounds_it() -> None:
    (one,) = conditions([true("Ready", Reason.READY, "x" * 5_000)], [], 1, NOW)
    assert len(one["message"]) == MESSAGE


def test_every_reason_is_explained() -> None:
    assert REASONS.keys() == set(Reason)
    assert all(f"`{reason.value}`" in conditions_page() for reason in Reason)
