"""A component's Deployment: pods as the `restricted` Pod Security Standard wants them, in the form that comes back."""

from typing import Any

from footfall_common.manifest.platform import PlatformSpec
from footfall_common.manifest.workloads import Amounts, Defaults, Resources
from footfall_common.placement import Names
from footfall_operator.desired.owner import Body, Owner
from footfall_operator.desired.parts import PORT, TRAITS, Part, digest, resources

_USER = 10_001
_NOTICE, _DRAIN, _STOP = 5, 20, 15  # the components' own defaults, said so that both agree
_STEP = 1024
_LARGER = {"Mi": "Gi", "Gi": "Ti"}
_SPREAD = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def deployment(owner: Owner, part: Part, platform: PlatformSpec) -> Body:
    """Without `replicas`: those have an owner of their own."""
    body = owner.child("apps/v1", "Deployment", owner.named(part), part)
    body["spec"] = {
        "revisionHistoryLimit": 3,
        "progressDeadlineSeconds": 600,
        "selector": {"matchLabels": owner.selector(part)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": owner.labels(part)},
            "spec": _pod(owner, part, platform),
        },
    }
    return body


def _pod(owner: Owner, part: Part, platform: PlatformSpec) -> Body:
    return {
        "serviceAccountName": owner.named(part),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "schedulerName": "default-scheduler",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": _NOTICE + _DRAIN + _STOP + 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "imagePullSecrets": [{"name": owner.pull(name)} for name in platform.images.pull_secrets],
        "topologySpreadConstraints": [
            {
                "topologyKey": key,
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": owner.selector(part)},
            }
            for key in _SPREAD
        ],
        **_placement(platform.workloads.defaults),
        "containers": [_container(owner, part, platform)],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
    }


def _placement(defaults: Defaults) -> Body:
    found: Body = {"nodeSelector": dict(defaults.node_selector)} if defaults.node_selector else {}
    if defaults.tolerations:
        found["tolerations"] = [
            {name: value for name, value in one.model_dump(by_alias=True).items() if value}
            for one in defaults.tolerations
        ]
    if defaults.priority_class_name:
        found["priorityClassName"] = defaults.priority_class_name
    return found


def _container(owner: Owner, part: Part, platform: PlatformSpec) -> Body:
    return {
        "name": part.value,
        "image": f"{platform.images.prefix}footfall-{part.value}@{digest(part, platform.images.digests)}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", TRAITS[part].module],
        "env": [{"name": name, "value": value} for name, value in _environment(owner.names).items()],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": _resources(resources(part, platform.workloads)),
        "livenessProbe": _probe("/livez", period=10, failures=3),
        "readinessProbe": _probe("/readyz", period=5, failures=1),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a path in the pod
    }


def _environment(names: Names) -> dict[str, str]:
    return {
        "FOOTFALL_PROCESS_HOST": "0.0.0.0",  # noqa: S104 - in a pod, behind a NetworkPolicy
        "FOOTFALL_PROCESS_PORT": str(PORT),
        "FOOTFALL_PROCESS_NOTICE_SECONDS": str(_NOTICE),
        "FOOTFALL_PROCESS_DRAIN_SECONDS": str(_DRAIN),
        "FOOTFALL_PROCESS_STOP_SECONDS": str(_STOP),
        "FOOTFALL_NAMES_TOPIC_RAW": names.topics.raw,
        "FOOTFALL_NAMES_TOPIC_DEAD": names.topics.dead,
        "FOOTFALL_NAMES_TOPIC_BUCKETS": names.topics.buckets,
        "FOOTFALL_NAMES_TOPIC_SETTINGS": names.topics.settings,
        "FOOTFALL_NAMES_GROUP_RAW_RECEIVER": names.groups.raw_receiver,
        "FOOTFALL_NAMES_GROUP_BUCKET_WORKER": names.groups.bucket_worker,
        "FOOTFALL_NAMES_KEYSPACE": names.keyspace,
    }


def _resources(found: Resources) -> Body:
    sides = {"requests": _amounts(found.requests), "limits": _amounts(found.limits)}
    return {name: amounts for name, amounts in sides.items() if amounts}


def _amounts(found: Amounts) -> dict[str, Any]:
    return {name: value for name, value in (("cpu", _cores(found.cpu)), ("memory", _bytes(found.memory))) if value}


def _cores(text: str | None) -> str | None:
    """As the API server writes it: 2000m comes back as 2."""
    if text and text.endswith("000m"):
        return text.removesuffix("000m")
    return text


def _bytes(text: str | None) -> str | None:
    """Likewise: 1024Mi comes back as 1Gi, 2048Gi as 2Ti."""
    if not text:
        return text
    amount, unit = int(text[:-2]), text[-2:]
    while not amount % _STEP and unit in _LARGER:
        amount, unit = amount // _STEP, _LARGER[unit]
    return f"{amount}{unit}"


def _probe(path: str, *, period: int, failures: int) -> Body:
    return {
        "httpGet": {"path": path, "port": PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": 3,
        "successThreshold": 1,
        "failureThreshold": failures,
    }
