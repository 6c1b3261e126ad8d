"""The demo: a shop of three pages on a tenant of its own, one `up --demo` away."""

import importlib.resources
from pathlib import Path

import httpx

from footfall_common.manifest import TrackingTenant, read, resource_of
from footfall_common.process import Component, Process
from footfall_common.snippet import fill
from footfall_common.web import build_app
from footfall_standalone.addresses import Addresses
from footfall_standalone.api.demo import Page, page, router
from footfall_standalone.datadir import DataDir
from footfall_standalone.demo_feed import DemoFeed
from footfall_standalone.dispatch import Dispatcher
from footfall_standalone.snippet import template

_BASE = "http://components"  # never resolved: requests go straight into the applications
MANIFEST = Path(__file__).with_name("demo.yaml")


def demo(process: Process, parts: tuple[Component, ...], addresses: Addresses, data: DataDir) -> Component:
    """The shop, which reaches identity and report like Creatio does, without a socket in between."""
    (tenant,) = read(MANIFEST)

    async def elsewhere(*_: object) -> None:
        raise LookupError("there is no such component")

    transport = httpx.ASGITransport(Dispatcher(parts, elsewhere))
    client = httpx.AsyncClient(transport=transport, base_url=_BASE)
    shop = router(_pages(tenant, addresses.receiver), DemoFeed(client, data, tenant.guid))
    app = build_app(
        "demo",
        [shop],
        checks={},
        registry=process.registry,
        clock=process.clock,
        new_id=process.new_id,
        drain=process.drain,
    )
    return Component(name="demo", app=app)


def _pages(tenant: TrackingTenant, receiver: str) -> dict[str, Page]:
    site = tenant.spec.sites[0]
    snippet = fill(template(), receiver=receiver, tenant=str(tenant.guid), resource=str(resource_of(tenant.guid, site)))
    files = importlib.resources.files("footfall_standalone").joinpath("demo").iterdir()
    return {file.name: page(file.name, file.read_bytes(), snippet) for file in files if file.is_file()}
