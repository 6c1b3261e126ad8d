"""What a tenant cannot get past by itself. Pure."""

from typing import Final

from pydantic import ValidationError

from footfall_common.manifest import TrackingTenant, complaint, dotted
from footfall_operator.cluster import Body, Refused
from footfall_operator.reconcile.children import OVERRULED
from footfall_operator.status import Reason

_FORBIDDEN: Final = 403


class Stalled(Exception):
    """No try will help until somebody changes something; str() says what.

    `refused` = by the API server, which tells nobody when it would do it: tried again all the same. Not where it did it
    and a webhook changed it: each try would be a write.
    """

    def __init__(self, reason: Reason, message: str, refused: Refused | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.refused = refused


def readable(resource: Body, system: str) -> TrackingTenant:
    """What it says. Raises Stalled; `system` = the operator's own namespace."""
    if resource["metadata"]["namespace"] == system:
        raise Stalled(Reason.SYSTEM_NAMESPACE, f"{system} is the operator's own namespace: make the tenant in another")
    try:
        return TrackingTenant.model_validate(resource)
    except ValidationError as error:
        wrong = complaint(error, TrackingTenant)
        unknown_field = any(one["type"] == "extra_forbidden" for one in error.errors())
        reason = Reason.UNSUPPORTED_VERSION if unknown_field else Reason.INVALID_SPEC
        raise Stalled(reason, f"{dotted(wrong.path)}: {wrong.message}") from error


def stalled_by(refused: Refused, namespace: str, system: str) -> Stalled:
    """In that namespace; where it was never opened to us, with the command that does."""
    if refused.status == _FORBIDDEN and "cannot" in str(refused) and f'namespace "{namespace}"' in str(refused):
        return Stalled(
            Reason.NAMESPACE_NOT_BOUND,
            f"{refused}. Bind the namespace: kubectl create rolebinding footfall-operator -n {namespace} "
            f"--clusterrole=footfall-tenant-namespace --serviceaccount={system}:footfall-operator",
            refused,
        )
    return Stalled(Reason.REFUSED, str(refused), None if refused.reason == OVERRULED else refused)
