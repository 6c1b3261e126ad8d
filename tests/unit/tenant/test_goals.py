"""A goal's history as a pure matter: whatever is done to it, the past keeps its rule and nothing grows for ever."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall_common.documents import Goal, GoalFilter, GoalRevision
from footfall_common.errors import TooLarge
from footfall_tenant.service.goals import Bounds, Wanted, drop, put

GOAL = uuid.UUID("cccccccc-0000-4000-8000-000000000001")
DAY = 86_400_000

Step = tuple[int, bool | None]
"""Days that pass, then: True or False = edited to be active or not, None = deleted."""

STEPS = st.lists(st.tuples(st.integers(0, 25), st.sampled_from([True, False, None])), max_size=20)


def bounds(now: int, *, revisions: int = 50) -> Bounds:
    return Bounds(now, retention_days=30, max_goals=50, max_revisions=revisions)


def wanted(*, active: bool = True, event: str = "lead") -> Wanted:
    return Wanted(GOAL, "api", "", active, GoalFilter(event))


def in_force(goals: tuple[Goal, ...], at: int) -> bool:
    """Whether the goal counts an event received then."""
    past = [one for goal in goals for one in goal.revisions if one.since <= at]
    return bool(past and past[-1].active)


def test_an_edit_that_changes_nothing_is_no_revision() -> None:
    goals = put((), wanted(), bounds(1000))
    assert put(goals, wanted(), bounds(2000)) == goals
    assert drop(drop(goals, GOAL, bounds(2000)), GOAL, bounds(3000)) == drop(goals, GOAL, bounds(2000))


def test_rules_that_ended_before_every_event_that_is_kept_are_forgotten() -> None:
    goals: tuple[Goal, ...] = ()
    for day in (0, 10, 20, 45):
        goals = put(goals, wanted(event=f"day {day}"), bounds(day * DAY))
    (goal,) = goals
    # On day 45 events from day 15 on are kept; the rule of day 10 judges those until day 20.
    assert goal.revisions == tuple(GoalRevision(day * DAY, True, GoalFilter(f"day {day}")) for day in (10, 20, 45))


def test_a_goal_edited_too_often_can_still_be_deleted() -> None:
    goals = put((), wanted(), bounds(0))
    goals = put(goals, wanted(event="other"), bounds(1, revisions=2))
    with pytest.raises(TooLarge, match="MAX_REVISIONS"):
        put(goals, wanted(event="third"), bounds(2, revisions=2))
    (goal,) = drop(goals, GOAL, bounds(2, revisions=2))
    assert (goal.deleted, len(goal.revisions), goal.revisions[-1].active) == (True, 3, False)


@given(STEPS)
def test_no_change_judges_an_event_of_the_past_otherwise(steps: list[Step]) -> None:
    now, goals = 0, put((), wanted(), bounds(0))
    for days, active in steps:
        now += days * DAY
        kept = [at * DAY for at in range(max(0, now // DAY - 30), now // DAY)]
        before = [in_force(goals, at) for at in kept]
        goals = drop(goals, GOAL, bounds(now)) if active is None else put(goals, wanted(active=active), bounds(now))
        assert [in_force(goals, at) for at in kept] == before
        assert in_force(goals, now) == bool(active)
        times = [one.since for goal in goals for one in goal.revisions]
        assert times == sorted(set(times))
