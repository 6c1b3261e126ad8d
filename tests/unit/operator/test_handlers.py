"""Which resource an event of a child is a hint about."""

from typing import Any

import pytest

from footfall_operator.handlers import owners_of
from footfall_operator.resources import INSTANCE, PLATFORM, TENANT, TENANTS, Ref

ACME = Ref(TENANTS, "team-a", "acme")
DEFAULT = Ref(PLATFORM, None, "default")
BY_REFERENCE = [{"kind": "TrackingTenant", "name": "acme", "apiVersion": "footfall.dev/v1alpha1", "uid": "1"}]


def child(**metadata: Any) -> dict[str, Any]:
    return {"kind": "Service", "metadata": {"name": "x", "namespace": "team-a", **metadata}}


@pytest.mark.parametrize(
    ("body", "owners"),
    [
        (child(ownerReferences=BY_REFERENCE, labels={TENANT: "acme"}), {ACME}),
        (child(ownerReferences=[], labels={TENANT: "acme"}), {ACME}),
        (child(ownerReferences=[{**BY_REFERENCE[0], "kind": "Wrong"}], labels={TENANT: "acme"}), {ACME}),
        (child(ownerReferences=BY_REFERENCE, labels={TENANT: "other"}), {ACME, Ref(TENANTS, "team-a", "other")}),
        (child(labels={INSTANCE: "footfall"}), {DEFAULT}),
        (child(ownerReferences=[{"kind": "TrackingPlatform", "name": "default"}]), {DEFAULT}),
        (
            {"kind": "TrackingClaim", "metadata": {}, "spec": {"holder": {"namespace": "team-a", "name": "acme"}}},
            {ACME},
        ),
    ],
)
def test_an_owner_is_known_by_reference_or_by_label(body: dict[str, Any], owners: set[Ref]) -> None:
    assert owners_of(body) == owners
