"""What a registration makes of a tenant and its resources. Pure, and checked whole before anything is written."""

import uuid
from collections.abc import Mapping

from msgspec.structs import replace

from footfall_common import documents, tenancy
from footfall_common.documents import GoalFilter, ResourceDocument, TenantDocument
from footfall_common.errors import Conflict
from footfall_common.manifest import Registration, Site, resource_of
from footfall_tenant.repository import Holdings
from footfall_tenant.service import goals
from footfall_tenant.service.goals import Bounds, Wanted


def tenant_document(held: TenantDocument | None, wanted: Registration) -> TenantDocument:
    """The tenant as registered; Conflict for a placement that is not the stored one."""
    if held is not None and not held.deleted and held.placement != wanted.placement.value:
        raise Conflict(
            f"The tenant's placement is {held.placement} and cannot change; register another tenant.",
            code="immutable",
            field="placement",
        )
    return TenantDocument(
        tenant=wanted.guid,
        revision=held.revision if held else 0,
        tenant_id=wanted.tenant_id,
        placement=wanted.placement.value,
        retention_days=wanted.retention_days,
        limits=documents.Limits(wanted.limits.events_per_second),
        projects=held.projects if held and not held.deleted else (),
        sites=tuple(resource_of(wanted.guid, site) for site in wanted.sites),
    )


def resources(held: Holdings, wanted: Registration, bounds: Bounds) -> list[ResourceDocument]:
    """Every resource that the manifest holds or held, as registered."""
    present: dict[uuid.UUID, ResourceDocument] = {}
    known = _named(held)
    for index, site in enumerate(wanted.sites):
        resource = resource_of(wanted.guid, site)
        _check_id(index, site, resource, wanted.guid, held, known)
        present[resource] = site_document(held.resources.get(resource), wanted.guid, index, site, bounds)
    gone = [left(one) for one in held.resources.values() if one.origin == "manifest" and one.resource not in present]
    return [*present.values(), *gone]


def site_document(
    held: ResourceDocument | None, tenant: uuid.UUID, index: int, site: Site, bounds: Bounds
) -> ResourceDocument:
    """The resource of one site; goals that Creatio made of it stay."""
    if held is not None and held.origin == "api" and not held.deleted:
        raise Conflict(
            f"sites[{index}] ({site.name}): resource {held.resource} was made by Creatio; give the site another id.",
            code="held_by_api",
            field=f"sites[{index}].resourceId",
        )
    resource = resource_of(tenant, site)
    before = held or ResourceDocument(tenant=tenant, resource=resource, revision=0, origin="manifest")
    return replace(
        before,
        origin="manifest",
        name=site.name,
        project=None,
        active=True,
        deleted=False,
        domains=site.domains,
        time_zone=site.time_zone,
        limits=documents.Limits(site.limits.events_per_second),
        goals=_site_goals(before, index, site, bounds),
    )


def left(held: ResourceDocument) -> ResourceDocument:
    """The resource of a site that has left the manifest: it takes no more events and keeps those it has."""
    return replace(held, active=False)


def _site_goals(held: ResourceDocument, index: int, site: Site, bounds: Bounds) -> tuple[documents.Goal, ...]:
    kept = held.goals
    ids = {tenancy.goal_id(held.resource, goal.name): goal for goal in site.goals}
    for before in held.goals:
        if before.origin == "manifest" and before.id not in ids:
            kept = goals.drop(kept, before.id, bounds)
    for number, (goal_id, goal) in enumerate(ids.items()):
        clash = goals.find(kept, goal_id)
        if clash is not None and clash.origin == "api" and not clash.deleted:
            raise Conflict(
                f"Goal {goal.name} of site {site.name} has an id that Creatio uses; give it another name.",
                code="held_by_api",
                field=f"sites[{index}].goals[{number}].name",
            )
        kept = goals.put(kept, Wanted(goal_id, "manifest", goal.name, True, GoalFilter(goal.event)), bounds)
    return kept


def _named(held: Holdings) -> Mapping[str, uuid.UUID]:
    """The ids of the sites that stand in the manifest now, by name."""
    sites = held.tenant.sites if held.tenant and not held.tenant.deleted else ()
    return {held.resources[site].name: site for site in sites if site in held.resources}


def _check_id(
    index: int,
    site: Site,
    resource: uuid.UUID,
    tenant: uuid.UUID,
    held: Holdings,
    known: Mapping[str, uuid.UUID],
) -> None:
    field = f"sites[{index}].resourceId"
    if resource in held.others:
        raise Conflict(f"{field} is the id of an OAuth client of this tenant; choose another.", field=field)
    before = known.get(site.name, resource)
    if before not in {resource, tenancy.default_resource_id(tenant, site.name)}:
        raise Conflict(
            f"{field} is set once and was {before}; a site of another name can have another id.",
            code="immutable",
            field=field,
        )
