"""A goal's history: an edit appends a revision, a deletion an inactive one, so that the past keeps its rule."""

import uuid
from typing import NamedTuple

from msgspec.structs import replace

from footfall_common.documents import Goal, GoalFilter, GoalRevision, Origin
from footfall_common.errors import TooLarge

_DAY_MS = 86_400_000


class Bounds(NamedTuple):
    """The present (ms), how far back reports look (days), and how much history may be kept."""

    now: int
    retention_days: int
    max_goals: int
    max_revisions: int

    @property
    def horizon(self) -> int:
        """No event received before this (ms) is in any report."""
        return self.now - self.retention_days * _DAY_MS


class Wanted(NamedTuple):
    """A goal as its writer wants it from now on."""

    id: uuid.UUID
    origin: Origin
    name: str
    active: bool
    filter: GoalFilter


def find(goals: tuple[Goal, ...], goal: uuid.UUID) -> Goal | None:
    """A goal by its id, a deleted one too."""
    return next((one for one in goals if one.id == goal), None)


def put(goals: tuple[Goal, ...], wanted: Wanted, bounds: Bounds) -> tuple[Goal, ...]:
    """The goals with this one created, edited or brought back; the same tuple's equal where nothing changes."""
    held = find(goals, wanted.id)
    if held is None:
        revision = GoalRevision(bounds.now, wanted.active, wanted.filter)
        goal = Goal(id=wanted.id, name=wanted.name, origin=wanted.origin, revisions=(revision,))
        return _added(goals, goal, bounds)
    revised = _revised(held, wanted.active, wanted.filter, bounds)
    goal = replace(revised, name=wanted.name, origin=wanted.origin, deleted=False)
    return tuple(goal if one.id == wanted.id else one for one in goals)


def drop(goals: tuple[Goal, ...], goal: uuid.UUID, bounds: Bounds) -> tuple[Goal, ...]:
    """The goals with this one deleted; it keeps its past."""
    return tuple(_dropped(one, bounds) if one.id == goal and not one.deleted else one for one in goals)


def drop_all(goals: tuple[Goal, ...], bounds: Bounds) -> tuple[Goal, ...]:
    """The goals, all of them deleted."""
    return tuple(one if one.deleted else _dropped(one, bounds) for one in goals)


def _dropped(goal: Goal, bounds: Bounds) -> Goal:
    if not goal.revisions[-1].active:
        return replace(goal, deleted=True)
    # A deletion must always work, so the bound on revisions does not hold for it, and it repeats no filter: what it
    # adds to the document is small and counted apart (see TenantRepository.put).
    unbounded = bounds._replace(max_revisions=len(goal.revisions) + 1)
    return replace(_revised(goal, False, GoalFilter(), unbounded), deleted=True)


def _added(goals: tuple[Goal, ...], goal: Goal, bounds: Bounds) -> tuple[Goal, ...]:
    kept = tuple(one for one in goals if not (one.deleted and one.revisions[-1].since <= bounds.horizon))
    if len(kept) >= bounds.max_goals:
        raise TooLarge(
            f"This resource has {bounds.max_goals} goals, the most there can be (FOOTFALL_TENANT_MAX_GOALS); "
            "deleted ones count until they have left the reports."
        )
    return (*kept, goal)


def _revised(goal: Goal, active: bool, rule: GoalFilter, bounds: Bounds) -> Goal:  # noqa: FBT001 - a revision's field
    last = goal.revisions[-1]
    if (last.active, last.filter) == (active, rule):
        return goal
    # A clock that went back must not put a newer revision before an older one.
    revision = GoalRevision(max(bounds.now, last.since), active, rule)
    past = goal.revisions[:-1] if revision.since == last.since else goal.revisions
    kept = (*_in_reports(past, bounds.horizon), revision)
    if len(kept) > bounds.max_revisions:
        raise TooLarge(
            f"This goal was edited {bounds.max_revisions} times within {bounds.retention_days} days, the most there "
            "can be (FOOTFALL_TENANT_MAX_REVISIONS); delete it and create another."
        )
    return replace(goal, revisions=kept)


def _in_reports(revisions: tuple[GoalRevision, ...], horizon: int) -> tuple[GoalRevision, ...]:
    """Without those that ended before any event that is still there."""
    ended = sum(later.since <= horizon for later in revisions[1:])
    return revisions[ended:]
