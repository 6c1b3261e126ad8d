"""Which tenant and which site a command is about, where the user may leave it out when there is only one."""

import uuid
from collections.abc import Sequence
from pathlib import Path

from footfall_common.tenancy import wire_guid
from footfall_standalone.datadir import KnownSite, KnownTenant, Run
from footfall_standalone.exits import CommandFailed, ExitCode


def tenant_of(known: Sequence[KnownTenant], wanted: str | None, data: Path) -> KnownTenant:
    """The tenant named by its tenantId or GUID, or the only one; else exit 2 with those there are."""
    if not known:
        raise _invalid(f"No tenant stands in {data} yet; start `footfall up --data {data} -f examples/tenant.yaml`.")
    if wanted is None:
        if len(known) == 1:
            return known[0]
        raise _invalid(f"There are {len(known)} tenants: {_names(known)}; name one with --tenant.")
    guid = str(wire_guid(wanted))
    found = next((tenant for tenant in known if tenant.tenant == guid), None)
    if found is None:
        raise _invalid(f"There is no tenant {wanted} in {data}; name one of: {_names(known)}.")
    return found


def site_of(tenant: KnownTenant, wanted: str | None) -> KnownSite:
    """The site named by its name or GUID, or the only one; else exit 2 with those there are."""
    names = ", ".join(site.name for site in tenant.sites)
    if not tenant.sites:
        raise _invalid(f"Tenant {tenant.tenant_id} has no site; add one under spec.sites of its manifest.")
    if wanted is None:
        if len(tenant.sites) == 1:
            return tenant.sites[0]
        raise _invalid(f"Tenant {tenant.tenant_id} has several sites: {names}; name one with --site.")
    guid = _guid(wanted)
    found = next((site for site in tenant.sites if site.name == wanted or site.resource_id == guid), None)
    if found is None:
        raise _invalid(f"Tenant {tenant.tenant_id} has no site {wanted}; name one of: {names}.")
    return found


def run_of(run: Run | None, data: Path) -> Run:
    """The last run of this data directory; exit 2 where there was none."""
    if run is None:
        raise _invalid(f"Nothing was ever started in {data}; name another directory with --data, or run `footfall up`.")
    return run


def _names(known: Sequence[KnownTenant]) -> str:
    return ", ".join(f"{tenant.tenant_id} ({tenant.tenant})" for tenant in known)


def _guid(text: str) -> str | None:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return None


def _invalid(message: str) -> CommandFailed:
    return CommandFailed(message, ExitCode.INVALID)
