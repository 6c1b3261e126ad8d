"""Where in its file a tenant's field stands, for what is found wrong only after reading."""

import re
from pathlib import Path

from footfall_common.manifest import TrackingTenant, yaml
from footfall_common.tenancy import wire_guid

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def line_of(path: Path, tenant: TrackingTenant, field: str | None) -> int:
    """The line (1 is the first) of the field, or of the nearest thing around it; 1 where the file has changed since."""
    try:
        documents = list(yaml.documents(path.read_text(encoding="utf-8-sig")))
    except (OSError, UnicodeDecodeError, yaml.Fault):
        return 1
    held = (document for document in documents if _is(document.value, tenant))
    return next((document.line(parts(field or "")) for document in held), 1)


def parts(field: str) -> tuple[str | int, ...]:
    """`spec.sites[1].name` as a path."""
    return tuple(name or int(index) for name, index in _PART.findall(field))


def _is(value: object, tenant: TrackingTenant) -> bool:
    match value:
        case {"spec": {"tenantId": str(tenant_id)}}:
            return wire_guid(tenant_id) == tenant.guid
        case _:
            return False
