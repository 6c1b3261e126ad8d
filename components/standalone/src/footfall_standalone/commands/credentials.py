"""`footfall credentials`: what Creatio is told to connect a tenant."""

import uuid

import msgspec
import typer

from footfall_standalone.choose import run_of, tenant_of
from footfall_standalone.commands.options import DEFAULT_DATA, AsJson, Data, Tenant
from footfall_standalone.datadir import Credentials, DataDir, KnownTenant, Run
from footfall_standalone.exits import CommandFailed, ExitCode


class Urls(msgspec.Struct, frozen=True):
    """The addresses that Creatio's settings ask for."""

    receiver: str
    tenant: str
    report: str
    identity: str


class Connection(msgspec.Struct, frozen=True, rename="camel"):
    """The output of --json; `resources` in the manifest's order."""

    tenant_id: str
    client_id: str
    client_secret: str
    resources: tuple[str, ...]
    urls: Urls


def command(data: Data = DEFAULT_DATA, tenant: Tenant = None, *, as_json: AsJson = False) -> None:
    """Print the client, secret, resources and addresses that connect Creatio to a tenant.

    `footfall up` makes them once for each tenant of its manifests. To get a new secret, remove
    `DIR/credentials/<guid>.json` and start `footfall up` again: tokens of the old one are then refused.

    Examples:

    - `footfall credentials` (one tenant)

    - `footfall credentials --data /var/lib/footfall --tenant acme --json`
    """
    directory = DataDir(data)
    run = run_of(directory.run(), data)
    known = tenant_of(directory.tenants(), tenant, data)
    credentials = directory.credentials(uuid.UUID(known.tenant))
    if credentials is None:
        raise CommandFailed(
            f"The credentials of {known.tenant_id} are not there; start `footfall up --data {data}` with its manifest "
            "to have new ones made.",
            ExitCode.INVALID,
        )
    connection = _connection(run, known, credentials)
    typer.echo(msgspec.json.format(msgspec.json.encode(connection)).decode() if as_json else _text(known, connection))


def _connection(run: Run, known: KnownTenant, credentials: Credentials) -> Connection:
    to = run.addresses
    return Connection(
        tenant_id=credentials.tenant_id,
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        resources=tuple(site.resource_id for site in known.sites),
        urls=Urls(receiver=to.receiver, tenant=to.tenant, report=to.report, identity=to.identity),
    )


def _text(known: KnownTenant, connection: Connection) -> str:
    lines = [
        ("tenant", f"{connection.tenant_id} ({known.tenant_id})"),
        ("client id", connection.client_id),
        ("client secret", connection.client_secret),
        *((f"site {site.name}", site.resource_id) for site in known.sites),
        *((name, getattr(connection.urls, name)) for name in Urls.__struct_fields__),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)
