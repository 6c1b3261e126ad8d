"""For whom objects are made: what names them, what they are labelled with, who owns them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from footfall_common.placement import Names
from footfall_operator.desired.parts import Part
from footfall_operator.resources import INSTANCE, MANAGED, PART, TENANT

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """A tenant or the platform. `name` begins the names of all its objects; `reference` makes them go with it."""

    name: str
    namespace: str
    reference: Mapping[str, Any]
    names: Names
    tenant: str = ""

    def labels(self, part: Part | None = None) -> dict[str, str]:
        """Of an object. None is copied from the resource, and none is one by which GitOps tools know what is theirs."""
        return {
            MANAGED: "true",
            INSTANCE: self.name,
            "app.kubernetes.io/name": "footfall",
            "app.kubernetes.io/managed-by": "footfall-operator",
            **({PART: part.value} if part else {}),
            **({TENANT: self.tenant} if self.tenant else {}),
        }

    def selector(self, part: Part) -> dict[str, str]:
        """The labels that never change, by which pods are found."""
        return {INSTANCE: self.name, PART: part.value}

    def child(self, api_version: str, kind: str, name: str, part: Part | None = None) -> Body:
        """An object with nothing but its metadata."""
        return {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": self.labels(part),
                "ownerReferences": [dict(self.reference)],
            },
        }

    def pull(self, secret: str) -> str:
        """What a pull Secret of the platform is called beside the pods: two tenants of a namespace have one each."""
        return copy_of(self.name, secret) if self.tenant else secret

    def named(self, part: Part) -> str:
        """Of an object that there is one of a component."""
        return f"{self.name}-{part.value}"


def copy_of(tenant: str, secret: str) -> str:
    """What that tenant's copy of a pull Secret is called; of no Secret, how the names of all of them begin."""
    return f"{tenant}-pull-{secret}"


def reference(resource: Mapping[str, Any]) -> dict[str, Any]:
    """An owner reference to one of our resources, as it stands in the API server."""
    return {
        "apiVersion": resource["apiVersion"],
        "kind": resource["kind"],
        "name": resource["metadata"]["name"],
        "uid": resource["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
