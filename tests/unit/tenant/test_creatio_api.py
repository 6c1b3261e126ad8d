"""Creatio's calls as its documentation and observed clients make them."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from footfall_common.documents import ClientDocument, GoalFilter, key_of
from footfall_common.tenancy import ResourceKey, TenantContext, goal_id
from footfall_common.testing import eventually
from tests.support.tenant_service import ACME, CLIENT, OTHER, Service, service_on

OpenService = Callable[..., Awaitable[Service]]

PROJECT = uuid.UUID("aaaaaaaa-0000-4000-8000-000000000001")
SHOP = uuid.UUID("bbbbbbbb-0000-4000-8000-000000000001")
BLOG = uuid.UUID("bbbbbbbb-0000-4000-8000-000000000002")
GOAL = uuid.UUID("cccccccc-0000-4000-8000-000000000001")


def resource(id_: uuid.UUID = SHOP, *, active: bool = True, **fields: Any) -> dict[str, Any]:
    return {"Id": str(id_), "ProjectId": str(PROJECT), "ResourceType": 0, "IsActive": active} | fields


def goal(*, active: bool = True, of: uuid.UUID = SHOP, **settings: Any) -> dict[str, Any]:
    filters = {
        "EventTypeFilter": "PURCHASE", "EventNameFilterType": 0, "EventNameFilterData": "",
        "EventValueFilterType": 0, "EventValueFilterData": "", "EventCostFilterType": 0, "EventCostFilterData": "",
    }  # fmt: skip
    return {"Id": str(GOAL), "ResourceId": str(of), "IsActive": active, "Settings": filters | settings}


@pytest.fixture
async def shop(service: Service) -> Service:
    """A service where Creatio has made a project and a resource."""
    await service.done("POST", "Project/create", {"ProjectId": str(PROJECT)})
    await service.done("POST", "Resource/create", resource())
    return service


async def test_ping_and_info_speak_of_the_tokens_tenant_and_client(service: Service) -> None:
    await service.done("GET", "Tenant/ping")
    answer = await service.creatio("GET", "Tenant/info", tenant=OTHER)
    assert answer.json() == {
        "identityClientId": str(CLIENT),
        "tenentId": str(OTHER),
        "tenantId": str(OTHER),
    }


CALLS = {
    "GET": ("Tenant/ping", "Tenant/info"),
    "POST": ("Project/create", "Resource/create", "Goal"),
    "PUT": ("Resource/update", "Goal"),
    "DELETE": (f"Project/delete/{PROJECT}", f"Resource/delete/{SHOP}", f"Goal/{GOAL}"),
}


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, paths in CALLS.items() for path in paths])
async def test_no_call_is_answered_without_a_token_of_the_right_scope(service: Service, method: str, path: str) -> None:
    bare = await service.client.request(method, f"/api/{path}", json={})
    assert bare.status_code == 401
    token = service.issuer.token(ACME, CLIENT, scope="openid")
    other = await service.client.request(method, f"/api/{path}", json={}, headers={"authorization": f"Bearer {token}"})
    assert other.status_code == 403


async def test_a_tenant_that_was_never_registered_is_not_known(service: Service) -> None:
    answer = await service.creatio("GET", "Tenant/ping", tenant=uuid.UUID(int=5, version=4))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_tenant")


async def test_a_resource_is_published_as_creatio_made_it_and_edited_it(shop: Service) -> None:
    made = await shop.published(SHOP, 1)
    assert (made.origin, made.project, made.active) == ("api", PROJECT, True)
    await shop.done("PUT", "Resource/update", resource(active=False))
    assert not (await shop.published(SHOP, 2)).active


async def test_repeating_any_create_or_delete_is_200_and_writes_nothing(shop: Service) -> None:
    await shop.done("POST", "Goal", goal())
    before = await shop.revisions()
    await shop.done("POST", "Project/create", {"ProjectId": str(PROJECT)})
    await shop.done("POST", "Resource/create", resource())
    await shop.done("POST", "Goal", goal())
    assert await shop.revisions() == before
    for _ in range(2):
        await shop.done("DELETE", f"Goal/{GOAL}")
        await shop.done("DELETE", f"Resource/delete/{SHOP}")
        await shop.done("DELETE", f"Project/delete/{PROJECT}")
    assert (await shop.state())["resources"] == []


async def test_deleting_what_never_was_is_200(service: Service) -> None:
    await service.done("DELETE", f"Goal/{GOAL}")
    await service.done("DELETE", f"Resource/delete/{SHOP}")
    await service.done("DELETE", f"Project/delete/{PROJECT}")


async def test_updates_of_what_is_not_there_are_404(shop: Service) -> None:
    await shop.refused(404, "Id", "PUT", "Resource/update", resource(BLOG))
    await shop.refused(404, "Id", "PUT", "Goal", goal())
    await shop.refused(404, "ResourceId", "POST", "Goal", goal(of=BLOG))
    await shop.done("DELETE", f"Resource/delete/{SHOP}")
    await shop.refused(404, "Id", "PUT", "Resource/update", resource())


async def test_field_names_are_read_in_any_case_and_unknown_ones_let_pass(service: Service) -> None:
    body = {"id": str(SHOP).upper(), "PROJECTID": str(PROJECT), "resourceType": 0, "isactive": False, "Name": "x"}
    await service.done("POST", "Resource/create", body)
    sent = {"id": str(GOAL), "resourceId": str(SHOP), "isActive": True, "settings": {"eventtypefilter": "LEAD"}}
    await service.done("POST", "Goal", sent)
    (found,) = (await service.published(SHOP, 2)).goals
    assert found.revisions[-1].filter.event_type == "LEAD"


async def test_a_resource_names_its_project_whether_or_not_it_was_created_before(service: Service) -> None:
    await service.done("POST", "Resource/create", resource())
    assert (await service.state())["projects"] == [str(PROJECT)]


async def test_deleting_a_project_deletes_creatios_resources_in_it_and_no_others(shop: Service) -> None:
    elsewhere = resource(BLOG, ProjectId=str(GOAL))
    await shop.done("POST", "Resource/create", elsewhere)
    await shop.register({"name": "docs"})
    await shop.done("DELETE", f"Project/delete/{PROJECT}")
    state = await shop.state()
    assert [(one["name"], one["origin"]) for one in state["resources"]] == [("docs", "manifest"), ("", "api")]
    assert state["projects"] == [str(GOAL)]
    await eventually(lambda: shop.view.resource(ResourceKey(ACME, SHOP)) is None)


async def test_a_resource_created_again_goes_on_from_its_revision(shop: Service) -> None:
    await shop.done("POST", "Goal", goal())
    await shop.done("DELETE", f"Resource/delete/{SHOP}")
    await shop.done("POST", "Resource/create", resource())
    back = await shop.published(SHOP, 4)
    assert back.active
    assert [one.deleted for one in back.goals] == [True], "its goals went with it and keep their past"


async def test_what_the_manifest_holds_is_409(service: Service) -> None:
    site = {"name": "shop", "resourceId": str(SHOP), "goals": [{"name": "order", "event": "purchase"}]}
    await service.register(site)
    held = {**goal(), "Id": str(goal_id(SHOP, "order"))}
    message = await service.refused(409, "Id", "POST", "Resource/create", resource())
    assert (await service.state())["projects"] == []  # a refusal leaves nothing behind
    assert "site shop" in message
    await service.refused(409, "Id", "PUT", "Resource/update", resource(active=False))
    await service.refused(409, "Id", "DELETE", f"Resource/delete/{SHOP}")
    await service.refused(409, "Id", "POST", "Goal", held)
    await service.refused(409, "Id", "PUT", "Goal", held)
    await service.refused(409, "Id", "DELETE", f"Goal/{goal_id(SHOP, 'order')}")
    await service.register()
    await service.refused(409, "Id", "PUT", "Resource/update", resource())


async def test_a_resource_by_an_oauth_clients_id_is_409_and_makes_no_project(service: Service) -> None:
    client = ClientDocument(tenant=ACME, client=SHOP, revision=1)
    await service.directory.put(key_of(client), msgspec.json.encode(client), 1)
    await service.refused(409, "Id", "POST", "Resource/create", resource())
    assert (await service.state())["projects"] == []


async def test_creatio_may_have_goals_of_its_own_on_a_manifests_site(service: Service) -> None:
    site = {"name": "shop", "resourceId": str(SHOP)}
    await service.register(site)
    await service.done("POST", "Goal", goal())
    await service.register({**site, "timeZone": "Europe/Berlin"})
    published = await service.published(SHOP, 3)
    assert [(one.id, one.origin, one.deleted) for one in published.goals] == [(GOAL, "api", False)]


async def test_a_goals_edit_counts_from_its_own_time_on(shop: Service) -> None:
    times = [shop.clock.now_ms()]
    await shop.done("POST", "Goal", goal(EventNameFilterType=3, EventNameFilterData="Sho"))
    for change in (
        ("PUT", "Goal", goal(EventCostFilterType=2, EventCostFilterData="12.50")),
        ("DELETE", f"Goal/{GOAL}"),
    ):
        shop.clock.advance(seconds=60)
        times.append(shop.clock.now_ms())
        await shop.done(*change)
    (found,) = (await shop.published(SHOP, 4)).goals
    assert [(one.since, one.active) for one in found.revisions] == list(zip(times, (True, True, False), strict=True))
    first, second, last = (one.filter for one in found.revisions)
    assert (first.name_kind, first.name, first.cost) == (3, "Sho", None)
    assert (second.name_kind, second.cost_kind, second.cost) == (0, 2, 12.5)
    assert last == GoalFilter(), "an inactive revision needs no filter"
    assert found.deleted


async def test_a_clock_that_went_back_does_not_put_revisions_out_of_order(shop: Service) -> None:
    await shop.done("POST", "Goal", goal())
    shop.clock.advance(seconds=-30)
    await shop.done("PUT", "Goal", goal(active=False))
    (found,) = (await shop.published(SHOP, 3)).goals
    assert [one.active for one in found.revisions] == [False]


async def test_a_goal_belongs_to_one_resource(shop: Service) -> None:
    await shop.done("POST", "Resource/create", resource(BLOG))
    await shop.done("POST", "Goal", goal())
    await shop.refused(409, "ResourceId", "POST", "Goal", goal(of=BLOG))
    await shop.done("DELETE", f"Goal/{GOAL}")
    await shop.done("POST", "Goal", goal(of=BLOG))
    assert [one.deleted for one in (await shop.published(BLOG, 2)).goals] == [False]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"EventNameFilterType": 5}, "EventNameFilterType"),
        ({"EventValueFilterType": "1"}, "EventValueFilterType"),
        ({"EventCostFilterType": 4}, "EventCostFilterType"),
        ({"EventCostFilterType": True}, "EventCostFilterType"),
        ({"EventCostFilterType": 1, "EventCostFilterData": "cheap"}, "EventCostFilterData"),
        ({"EventCostFilterType": 0, "EventCostFilterData": "1,5"}, "EventCostFilterData"),
        ({"EventCostFilterType": 1, "EventCostFilterData": "NaN"}, "EventCostFilterData"),
        ({"EventCostFilterType": 1, "EventCostFilterData": "1e99"}, "EventCostFilterData"),
        ({"EventCostFilterType": 1, "EventCostFilterData": ""}, "EventCostFilterData"),
        ({"EventCostFilterType": 3, "EventCostFilterData": None}, "EventCostFilterData"),
        ({"EventNameFilterData": "x" * 256}, "EventNameFilterData"),
        ({"EventTypeFilter": 7}, "EventTypeFilter"),
        ({"eventTypeFilter": "twice"}, "EventTypeFilter"),
    ],
)
async def test_settings_that_mean_nothing_are_400_and_named(shop: Service, settings: Any, field: str) -> None:
    before = await shop.revisions()
    await shop.refused(400, f"Settings.{field}", "POST", "Goal", goal(**settings))
    assert await shop.revisions() == before


@pytest.mark.parametrize(
    ("data", "cost"), [(12.5, 12.5), ("12.50", 12.5), (0, 0), ("-3", -3), ("1e3", 1000), (None, None), ("", None)]
)
async def test_cost_data_comes_as_a_number_or_its_text(shop: Service, data: Any, cost: float | None) -> None:
    await shop.done("POST", "Goal", goal(EventCostFilterType=0 if cost is None else 1, EventCostFilterData=data))
    (found,) = (await shop.published(SHOP, 2)).goals
    assert found.revisions[0].filter.cost == cost


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (resource(ResourceType=1), "ResourceType"),
        (resource(IsActive="true"), "IsActive"),
        (resource(Id="shop"), "Id"),
        (resource(Id=str(uuid.UUID(int=0))), "Id"),
        (resource(ProjectId=None), "ProjectId"),
        ({"Id": str(SHOP), "ProjectId": str(PROJECT), "ResourceType": 0}, "IsActive"),
        ([], None),
        (b"{", None),
        (b'{"Id": "\xff"}', None),
        (b'{"Id":' * 10_000, None),
    ],
    ids=range(10),
)
async def test_bodies_that_cannot_be_read_are_400(service: Service, body: Any, field: str | None) -> None:
    before = await service.revisions()
    assert await service.refused(400, field, "POST", "Resource/create", body)
    assert await service.revisions() == before


async def test_a_body_over_the_limit_is_413(service: Service) -> None:
    await service.refused(413, None, "POST", "Resource/create", b'{"Id": "' + b"x" * 70_000 + b'"}')


async def test_the_nil_guid_in_an_address_names_nothing(service: Service) -> None:
    await service.refused(400, "Id", "DELETE", f"Resource/delete/{uuid.UUID(int=0)}")


async def test_two_tenants_may_use_the_same_ids(shop: Service) -> None:
    await shop.done("POST", "Resource/create", resource(active=False), tenant=OTHER)
    await shop.done("POST", "Goal", goal(), tenant=OTHER)
    await shop.done("DELETE", f"Resource/delete/{SHOP}", tenant=OTHER)
    ours = await shop.published(SHOP, 1)
    assert (ours.revision, ours.active, ours.goals) == (1, True, ())
    assert (await shop.state("other"))["resources"] == []


async def test_concurrent_updates_of_one_resource_all_end_up_applied(shop: Service) -> None:
    goals = [{**goal(), "Id": str(uuid.UUID(int=number, version=4))} for number in range(8)]
    await asyncio.gather(
        shop.done("PUT", "Resource/update", resource(active=False)), *(shop.done("POST", "Goal", one) for one in goals)
    )
    found = await shop.published(SHOP, 10)
    assert not found.active
    assert {str(one.id) for one in found.goals} == {one["Id"] for one in goals}


async def test_resources_goals_revisions_and_projects_are_bounded(open_service: OpenService) -> None:
    service = await open_service(max_resources=100, max_goals=50, max_revisions=3, max_projects=1)
    for number in range(100):
        await service.done("POST", "Resource/create", resource(uuid.UUID(int=number, version=4)))
    assert "MAX_RESOURCES" in await service.refused(413, "Id", "POST", "Resource/create", resource())
    assert "MAX_PROJECTS" in await service.refused(413, "ProjectId", "POST", "Project/create", {"ProjectId": str(SHOP)})
    holder = uuid.UUID(int=0, version=4)
    for number in range(50):
        await service.done("POST", "Goal", {**goal(of=holder), "Id": str(uuid.UUID(int=number, version=4))})
    assert "MAX_GOALS" in await service.refused(413, None, "POST", "Goal", goal(of=holder))
    edited = {**goal(of=holder), "Id": str(uuid.UUID(int=1, version=4))}
    for active in (False, True):
        service.clock.advance(seconds=1)
        await service.done("PUT", "Goal", edited | {"IsActive": active})
    service.clock.advance(seconds=1)
    assert "MAX_REVISIONS" in await service.refused(413, None, "PUT", "Goal", edited | {"IsActive": False})
    await service.done("DELETE", f"Goal/{edited['Id']}")
    service.clock.advance(seconds=401 * 86_400)
    await service.done("POST", "Goal", goal(of=holder))


async def test_who_loses_every_race_is_told_to_come_again_and_has_changed_nothing(open_service: OpenService) -> None:
    service = await open_service(write_attempts=2)
    await service.done("POST", "Resource/create", resource())
    goals = [{**goal(), "Id": str(uuid.UUID(int=number, version=4))} for number in range(12)]
    answers = await asyncio.gather(*(service.creatio("POST", "Goal", one) for one in goals))
    taken = {one["Id"] for one, answer in zip(goals, answers, strict=True) if answer.status_code == 200}
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(one.status_code, one.headers["retry-after"], one.json()["error"]["code"]) for one in refused} == {
        (503, "1", "contended")
    }
    assert {one["goalId"] for one in (await service.state())["resources"][0]["goals"]} == taken


async def test_what_is_stored_while_the_bus_is_away_is_published_later(open_service: OpenService) -> None:
    service = await open_service(sweep_seconds=0.01)
    service.bus.away = True
    await service.done("POST", "Resource/create", resource())
    await eventually(lambda: service.bus.refused >= 3)
    assert service.view.resource(ResourceKey(ACME, SHOP)) is None
    service.bus.away = False
    assert (await service.published(SHOP, 1)).active


async def test_what_a_stopped_process_left_unpublished_is_published_by_the_next(tmp_path: Path) -> None:
    async with service_on(tmp_path) as before:
        before.bus.away = True
        await before.register({"name": "shop"})
        await before.done("POST", "Resource/create", resource())
    async with service_on(tmp_path) as after:
        assert (await after.published(SHOP, 1)).active
        assert [one["name"] for one in (await after.state())["resources"]] == ["shop", ""]


async def test_a_resource_whose_history_would_not_fit_a_record_is_413(open_service: OpenService) -> None:
    service = await open_service(max_document_bytes=64 * 1024, max_goals=200)
    await service.done("POST", "Resource/create", resource())
    wide = goal(
        EventNameFilterType=1, EventNameFilterData="n" * 255, EventValueFilterType=1, EventValueFilterData="v" * 255
    )
    answers = [
        await service.creatio("POST", "Goal", wide | {"Id": str(uuid.UUID(int=number, version=4))})
        for number in range(100)
    ]
    taken = [answer.status_code for answer in answers].index(413)
    assert "MAX_DOCUMENT_BYTES" in answers[taken].json()["error"]["message"]
    assert len((await service.state())["resources"][0]["goals"]) == taken
    service.clock.advance(seconds=1)  # so that each deletion is a revision more
    await service.done("PUT", "Resource/update", resource(active=False))
    await service.done("DELETE", f"Goal/{uuid.UUID(int=0, version=4)}")
    await service.done("DELETE", f"Resource/delete/{SHOP}")
    (stored,) = [one for one in await service.directory.of_tenant(TenantContext(ACME)) if one.key[16:] == SHOP.bytes]
    assert 64 * 1024 < len(stored.body) <= 64 * 1024 + 80 * (taken + 1)
