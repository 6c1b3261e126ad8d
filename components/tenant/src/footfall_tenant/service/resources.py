"""What a call of Creatio's makes of a resource. Pure: the stored document in, the wanted one out.

`revision` is the writer's affair and stays as it was read. What the manifest holds is not Creatio's to change.
"""

import uuid
from typing import NamedTuple

from msgspec.structs import replace

from footfall_common.documents import Goal, ResourceDocument
from footfall_common.errors import Conflict, NotFound
from footfall_common.tenancy import ResourceKey
from footfall_tenant.service import goals
from footfall_tenant.service.goals import Bounds, Wanted

Held = ResourceDocument | None


class NewResource(NamedTuple):
    """What Creatio says of a resource that it creates."""

    key: ResourceKey
    project: uuid.UUID
    active: bool


def created(held: Held, new: NewResource) -> ResourceDocument:
    """The resource; one that is there already takes the project and state it was sent with."""
    if held is None:
        tenant, resource = new.key.tenant, new.key.resource
        return ResourceDocument(
            tenant=tenant, resource=resource, revision=0, origin="api", project=new.project, active=new.active
        )
    _not_manifest(held, "Id")
    return replace(held, origin="api", project=new.project, active=new.active, deleted=False)


def updated(held: Held, *, active: bool) -> ResourceDocument:
    """The resource, active or not."""
    resource = _standing(held, "Id")
    _not_manifest(resource, "Id")
    return replace(resource, active=active)


def deleted(held: Held, bounds: Bounds) -> Held:
    """The resource, deleted with its goals; None where it never was."""
    if held is None or held.deleted:
        return held
    _not_manifest(held, "Id")
    return replace(held, active=False, deleted=True, goals=goals.drop_all(held.goals, bounds))


def with_goal(held: Held, wanted: Wanted, bounds: Bounds) -> ResourceDocument:
    """The resource, a manifest's too, with this goal of Creatio's created."""
    resource = _standing(held, "ResourceId")
    _not_manifest_goal(goals.find(resource.goals, wanted.id))
    return replace(resource, goals=goals.put(resource.goals, wanted, bounds))


def with_goal_changed(held: Held, wanted: Wanted, bounds: Bounds) -> ResourceDocument:
    """The resource with this goal edited."""
    resource = _standing(held, "Id")
    goal = goals.find(resource.goals, wanted.id)
    if goal is None or goal.deleted:
        raise NotFound(f"There is no goal {wanted.id}; create it first.", field="Id")
    _not_manifest_goal(goal)
    return replace(resource, goals=goals.put(resource.goals, wanted._replace(name=goal.name), bounds))


def without_goal(held: Held, goal: uuid.UUID, bounds: Bounds) -> Held:
    """The resource with this goal deleted."""
    if held is None:
        return None
    _not_manifest_goal(goals.find(held.goals, goal))
    return replace(held, goals=goals.drop(held.goals, goal, bounds))


def _standing(held: Held, field: str) -> ResourceDocument:
    if held is None or held.deleted:
        raise NotFound(f"{field} names no resource of this tenant; create it first.", field=field)
    return held


def _not_manifest(resource: ResourceDocument, field: str) -> None:
    if resource.origin == "manifest" and not resource.deleted:
        raise Conflict(
            f"Resource {resource.resource} is held by the tenant's manifest (site {resource.name}); change it there.",
            code="held_by_manifest",
            field=field,
        )


def _not_manifest_goal(goal: Goal | None) -> None:
    if goal is not None and goal.origin == "manifest" and not goal.deleted:
        raise Conflict(
            f"Goal {goal.id} is held by the tenant's manifest (goal {goal.name}); change it there.",
            code="held_by_manifest",
            field="Id",
        )
