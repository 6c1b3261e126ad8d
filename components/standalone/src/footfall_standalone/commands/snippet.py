"""`footfall snippet`: what a site owner pastes into every page."""

from typing import Annotated

import typer

from footfall_common.snippet import fill
from footfall_standalone.choose import run_of, site_of, tenant_of
from footfall_standalone.commands.options import DEFAULT_DATA, Data, Site, Tenant
from footfall_standalone.datadir import DataDir
from footfall_standalone.snippet import template

Receiver = Annotated[
    str | None,
    typer.Option(
        "--receiver", metavar="URL", help="The receiver as browsers reach it; default: that of `footfall up`."
    ),
]


def command(data: Data = DEFAULT_DATA, tenant: Tenant = None, site: Site = None, receiver: Receiver = None) -> None:
    """Print the tracking snippet of a site; paste it into every page, below `<title>`.

    Page views are recorded from then on; `creatioTracking.registerEvent('LEAD', {name: 'newsletter'})` records more,
    also before the tracker has loaded.

    Examples:

    - `footfall snippet` (one tenant with one site)

    - `footfall snippet --tenant acme --site shop --receiver https://track.example.com/receiver`
    """
    directory = DataDir(data)
    run = run_of(directory.run(), data)
    known = tenant_of(directory.tenants(), tenant, data)
    chosen = site_of(known, site)
    address = (receiver or run.addresses.receiver).rstrip("/")
    typer.echo(fill(template(), receiver=address, tenant=known.tenant, resource=chosen.resource_id))
