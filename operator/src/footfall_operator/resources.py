"""The kinds that the operator knows: ours, and those of its children."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

GROUP: Final = "footfall.dev"
VERSION: Final = "v1alpha1"
MANAGED: Final = "footfall.dev/managed"
"""Label of every child, so that a watch is told of ours alone."""
INSTANCE: Final = "footfall.dev/instance"
"""Label of every child: how its name begins. Not app.kubernetes.io/instance, by which GitOps tools claim objects."""
TENANT: Final = "footfall.dev/tenant"
"""Label of a tenant's children: its name."""
PULLED: Final = "footfall.dev/pull-secrets"
"""Annotation of a tenant's Secret: the copies of pull Secrets that were placed, since Secrets are never listed."""
PART: Final = "app.kubernetes.io/component"
FINALIZER: Final = "footfall.dev/cleanup"


class Kind(NamedTuple):
    """Where objects of a kind are found."""

    group: str
    version: str
    plural: str
    name: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects say it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """Of one object; of a namespace's or all objects without name."""
        root = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        within = ["namespaces", namespace] if namespace and self.namespaced else []
        return "/".join([*root, *within, self.plural, *(part for part in (name, subresource) if part)])


PLATFORM_NAME: Final = "default"
PLATFORM: Final = Kind(GROUP, VERSION, "trackingplatforms", "TrackingPlatform", namespaced=False)
TENANTS: Final = Kind(GROUP, VERSION, "trackingtenants", "TrackingTenant")
CLAIM: Final = Kind(GROUP, VERSION, "trackingclaims", "TrackingClaim", namespaced=False)
SECRET: Final = Kind("", "v1", "secrets", "Secret")
WATCHED: Final = (
    Kind("", "v1", "serviceaccounts", "ServiceAccount"),
    Kind("", "v1", "services", "Service"),
    Kind("apps", "v1", "deployments", "Deployment"),
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"),
)
"""Kinds of children that are listed and watched; Secrets are read by name alone."""
EVENT: Final = Kind("", "v1", "events", "Event")
POD: Final = Kind("", "v1", "pods", "Pod")
_KNOWN: Final = {(kind.api_version, kind.name): kind for kind in (PLATFORM, TENANTS, CLAIM, SECRET, *WATCHED)}


class Ref(NamedTuple):
    """One object, by what never changes of it."""

    kind: Kind
    namespace: str | None
    name: str

    @property
    def path(self) -> str:
        """Where it is."""
        return self.kind.path(self.namespace, self.name)


def kind_of(body: Mapping[str, Any]) -> Kind:
    """Of an object that says what it is; KeyError where we do not know it."""
    return _KNOWN[body["apiVersion"], body["kind"]]


def ref_of(body: Mapping[str, Any]) -> Ref:
    """Of an object that says what it is."""
    return Ref(kind_of(body), body["metadata"].get("namespace"), body["metadata"]["name"])
