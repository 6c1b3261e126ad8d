"""Registration by the manifest reader and the operator."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from footfall_common.documents import ClientDocument, key_of
from footfall_common.manifest import read, registration
from footfall_common.tenancy import default_resource_id, goal_id
from tests.support.tenant_service import ACME, CLIENT, Service

OpenService = Callable[..., Awaitable[Service]]

SHOP = default_resource_id(ACME, "shop")
FOREIGN = uuid.UUID("bbbbbbbb-0000-4000-8000-000000000001")
EXAMPLE = Path(__file__).parents[3] / "examples/tenant.yaml"


def site(name: str = "shop", **fields: Any) -> dict[str, Any]:
    return {"name": name} | fields


def order(event: str = "purchase") -> dict[str, Any]:
    return {"name": "order", "event": event}


async def creatio_resource(service: Service, resource: uuid.UUID) -> None:
    body = {"Id": str(resource), "ProjectId": str(CLIENT), "ResourceType": 0, "IsActive": True}
    await service.done("POST", "Resource/create", body)


async def test_the_example_is_registered_as_it_is_written(service: Service) -> None:
    (manifest,) = read(EXAMPLE)
    body = msgspec.json.decode(registration(manifest).model_dump_json(by_alias=True))
    answer = await service.admin("PUT", body=body)
    assert answer.json() == {
        "tenant": str(ACME),
        "revision": 2,
        "resources": [
            {"name": "shop", "resourceId": str(SHOP)},
            {"name": "blog", "resourceId": str(default_resource_id(ACME, "blog"))},
        ],
    }
    state = await service.state()
    assert (state["tenantId"], state["retentionDays"], state["limits"]) == ("acme", 400, {"eventsPerSecond": 500})
    shop = state["resources"][0]
    assert (shop["origin"], shop["timeZone"], shop["domains"]) == (
        "manifest", "Europe/Berlin", ["shop.acme.example", "localhost"],
    )  # fmt: skip
    assert shop["goals"][0]["goalId"] == str(goal_id(SHOP, "order"))
    published = await service.published(SHOP, 1)
    assert published.goals[0].revisions[0].filter.event_type == "complete_checkout"


async def test_nothing_is_written_when_nothing_changed(service: Service) -> None:
    sites = [site(goals=[order()], limits={"eventsPerSecond": 5}), site("blog")]
    first = await service.register(*sites)
    before = await service.revisions()
    assert await service.register(*sites) == first
    assert await service.revisions() == before


async def test_every_change_raises_the_revision_even_one_of_a_goal_alone(service: Service) -> None:
    first = await service.register(site(goals=[order()]))
    second = await service.register(site(goals=[order("lead")]))
    assert second["revision"] == first["revision"] + 1


async def test_a_site_that_leaves_is_kept_inactive_and_comes_back_as_it_was(service: Service) -> None:
    await service.register(site(), site("blog"))
    answer = await service.register(site("blog"))
    assert [one["name"] for one in answer["resources"]] == ["blog"]
    left = await service.published(SHOP, 2)
    assert (left.active, left.origin) == (False, "manifest")
    await service.register(site("blog"), site())
    assert (await service.published(SHOP, 3)).active


async def test_a_goal_that_leaves_keeps_its_past_and_may_come_back(service: Service) -> None:
    await service.register(site(goals=[order()]))
    for goals in ([], [order("lead")]):
        service.clock.advance(seconds=1)
        await service.register(site(goals=goals))
    (goal,) = (await service.published(SHOP, 3)).goals
    rules = [(one.active, one.filter.event_type) for one in goal.revisions]
    assert (goal.deleted, rules) == (False, [(True, "purchase"), (False, ""), (True, "lead")])


async def test_a_site_with_the_id_of_creatios_resource_is_409_and_nothing_is_written(service: Service) -> None:
    await creatio_resource(service, FOREIGN)
    before = await service.revisions()
    body = {"tenantId": "acme", "placement": "Pooled", "sites": [site("a"), site(resourceId=str(FOREIGN))]}
    answer = await service.admin("PUT", body=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "sites[1].resourceId")
    assert await service.revisions() == before
    await service.done("DELETE", f"Resource/delete/{FOREIGN}")
    await service.register(site(resourceId=str(FOREIGN)))


async def test_a_goal_with_the_id_of_creatios_is_409(service: Service) -> None:
    await service.register(site())
    goal = {"Id": str(goal_id(SHOP, "order")), "ResourceId": str(SHOP), "IsActive": True, "Settings": {}}
    await service.done("POST", "Goal", goal)
    body = {"tenantId": "acme", "placement": "Pooled", "sites": [site(goals=[order()])]}
    answer = await service.admin("PUT", body=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "sites[0].goals[0].name")


async def test_an_id_of_one_of_the_tenants_clients_is_409(service: Service) -> None:
    client = ClientDocument(tenant=ACME, client=FOREIGN, revision=1)
    await service.directory.put(key_of(client), msgspec.json.encode(client), 1)
    body = {"tenantId": "acme", "placement": "Pooled", "sites": [site(resourceId=str(FOREIGN))]}
    answer = await service.admin("PUT", body=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "sites[0].resourceId")
    await service.refused(
        409, "Id", "POST", "Resource/create",
        {"Id": str(FOREIGN), "ProjectId": str(CLIENT), "ResourceType": 0, "IsActive": True},
    )  # fmt: skip


async def test_a_resource_id_is_set_once_and_placement_never_changes(service: Service) -> None:
    await service.register(site(), site("blog"))
    await service.register(site(resourceId=str(FOREIGN)), site("blog"))
    for other in (site(), site(resourceId=str(CLIENT))):
        body = {"tenantId": "acme", "placement": "Pooled", "sites": [other]}
        answer = await service.admin("PUT", body=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (409, "sites[0].resourceId")
    answer = await service.admin("PUT", body={"tenantId": "acme", "placement": "Dedicated"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (409, "placement")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tenantId": "emca"}, "tenantId"),
        ({"tenantId": "A"}, "tenantId"),
        ({"placement": "pooled"}, "placement"),
        ({"retentionDays": 31}, "retentionDays"),
        ({"limits": {"eventsPerSecond": 0}}, "limits.eventsPerSecond"),
        ({"limits": {"eventsPerSecond": True}}, "limits.eventsPerSecond"),
        ({"sites": [{"name": "a"}, {"name": "a"}]}, "sites[1].name"),
        ({"sites": [{"name": "a", "resourceId": str(SHOP)}, {"name": "shop"}]}, "sites[1].resourceId"),
        ({"sites": [{"name": "a", "domain": ["x"]}]}, "sites[0].domain"),
        ({"sites": [{"name": "a", "timeZone": "Mars/Base"}]}, "sites[0].timeZone"),
        ({"sites": [{"name": "a", "goals": [order(), order()]}]}, "sites[0].goals[1].name"),
        ({"sites": [{"name": str(number)} for number in range(101)]}, "sites"),
        ({"site": []}, "site"),
    ],
)
async def test_what_cannot_be_registered_is_400_and_named(service: Service, change: Any, field: str) -> None:
    before = await service.revisions()
    answer = await service.admin("PUT", body={"tenantId": "acme", "placement": "Pooled"} | change)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field), answer.text
    assert await service.revisions() == before


async def test_if_match_holds_a_writer_to_the_state_it_saw(service: Service) -> None:
    seen = await service.admin("GET")
    assert seen.headers["etag"] == '"1"'
    body = {"tenantId": "acme", "placement": "Pooled", "sites": [site()]}
    assert (await service.admin("PUT", body=body, if_match='"1"')).headers["etag"] == '"2"'
    late = await service.admin("PUT", body={**body, "sites": []}, if_match='"1"')
    assert (late.status_code, late.json()["error"]["code"]) == (412, "revision_mismatch")
    assert (await service.admin("PUT", body=body, if_match='W/"2"')).status_code == 412
    assert (await service.admin("PUT", body=body, if_match='"7", "2"')).status_code == 200
    new = {"tenantId": "third", "placement": "Pooled"}
    assert (await service.admin("PUT", "third", new, if_match="*")).status_code == 412


async def test_the_admin_api_takes_the_administrators_token_only(service: Service) -> None:
    path = f"/admin/v1/tenants/{ACME}"
    for token in ("wrong", service.issuer.token(ACME, CLIENT)):
        answer = await service.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    assert (await service.admin("GET", "never-registered")).status_code == 404


async def test_registrations_and_creatios_calls_at_once_lose_nothing(service: Service) -> None:
    await service.register(site())

    async def goal(number: int) -> None:
        body = {"Id": str(uuid.UUID(int=number, version=4)), "ResourceId": str(SHOP), "IsActive": True, "Settings": {}}
        await service.done("POST", "Goal", body)

    zones = ("Europe/Berlin", "Europe/Paris", "Asia/Tokyo")
    await asyncio.gather(
        *(service.register(site(timeZone=zone, goals=[order()])) for zone in zones), *(goal(n) for n in range(6))
    )
    state = await service.state()
    (shop,) = state["resources"]
    assert (shop["timeZone"] in zones, len(shop["goals"])) == (True, 7)
    found = await service.published(SHOP, shop["revision"])
    assert found.time_zone == shop["timeZone"]


async def test_registrations_at_once_leave_one_of_them_and_no_mixture(service: Service) -> None:
    names = [f"site {number}" for number in range(6)]
    zones = ("Europe/Berlin", "Europe/Paris", "Asia/Tokyo", "UTC")
    wanted = [[site(name, timeZone=zone) for name in names] for zone in zones]
    wanted = [sites if number % 2 else sites[::-1] for number, sites in enumerate(wanted)]
    await asyncio.gather(*(service.register(*sites) for sites in wanted))
    state = await service.state()
    stored = [(one["name"], one["timeZone"]) for one in state["resources"]]
    assert stored in [[(one["name"], one["timeZone"]) for one in sites] for sites in wanted]


async def test_more_sites_over_time_than_a_tenant_may_have_are_413(open_service: OpenService) -> None:
    service = await open_service(max_resources=100)
    await service.register(*(site(f"old {number}") for number in range(60)))
    body = {"tenantId": "acme", "placement": "Pooled", "sites": [site(f"new {number}") for number in range(60)]}
    answer = await service.admin("PUT", body=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (413, "sites")
