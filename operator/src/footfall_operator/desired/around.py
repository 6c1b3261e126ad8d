"""What stands around a component's Deployment: account, Service, disruption budget, autoscaler, network policies."""

from collections.abc import Iterator

from footfall_common.manifest.fields import Autoscaling
from footfall_common.manifest.platform import Network
from footfall_operator.desired.owner import Body, Owner
from footfall_operator.desired.parts import PORT, TRAITS, Part
from footfall_operator.resources import INSTANCE

_DNS = 53


def service_account(owner: Owner, part: Part) -> Body:
    """Without a token: no component speaks to the API server."""
    return {**owner.child("v1", "ServiceAccount", owner.named(part), part), "automountServiceAccountToken": False}


def service(owner: Owner, part: Part) -> Body:
    """Where others in the cluster call it."""
    body = owner.child("v1", "Service", owner.named(part), part)
    body["spec"] = {
        "type": "ClusterIP",
        "internalTrafficPolicy": "Cluster",
        "sessionAffinity": "None",
        "selector": owner.selector(part),
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP", "targetPort": "http"}],
    }
    return body


def disruption_budget(owner: Owner, part: Part) -> Body:
    """One at a time; never none, so that a node can always be drained."""
    body = owner.child("policy/v1", "PodDisruptionBudget", owner.named(part), part)
    body["spec"] = {"maxUnavailable": 1, "selector": {"matchLabels": owner.selector(part)}}
    return body


def autoscaler(owner: Owner, part: Part, bounds: Autoscaling) -> Body:
    """Targets the Deployment and never our resource, which belongs to whoever applied it."""
    body = owner.child("autoscaling/v2", "HorizontalPodAutoscaler", owner.named(part), part)
    body["spec"] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": owner.named(part)},
        "minReplicas": bounds.min,
        "maxReplicas": bounds.max,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": bounds.cpu}},
            }
        ],
    }
    return body


def network_policy(owner: Owner, parts: tuple[Part, ...], network: Network) -> Body:
    """Nothing comes in but to what is served, from ours and the namespaces named; nothing goes out but where told."""
    body = owner.child("networking.k8s.io/v1", "NetworkPolicy", f"{owner.name}-footfall")
    body["spec"] = {
        "podSelector": {"matchLabels": {INSTANCE: owner.name}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": list(_ingress(owner, network)) if any(TRAITS[part].served for part in parts) else [],
        "egress": list(_egress(owner, network)),
    }
    return body


def _ingress(owner: Owner, network: Network) -> Iterator[Body]:
    ours = {"podSelector": {"matchLabels": {INSTANCE: owner.name}}}
    others = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in network.ingress_from
    ]
    yield {"from": [ours, *others], "ports": [{"port": PORT, "protocol": "TCP"}]}


def _egress(owner: Owner, network: Network) -> Iterator[Body]:
    yield {"ports": [{"port": _DNS, "protocol": "UDP"}, {"port": _DNS, "protocol": "TCP"}]}
    yield {
        "ports": [{"port": PORT, "protocol": "TCP"}],
        "to": [{"podSelector": {"matchLabels": {INSTANCE: owner.name}}}],
    }
    for one in network.egress:
        yield {
            "ports": [{"port": port, "protocol": "TCP"} for port in one.ports],
            "to": [{"ipBlock": {"cidr": one.cidr}}],
        }
