"""Says what was found: the status, written only where it differs, and an event for each change of a condition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from footfall_operator.cluster import Body, Changed, Cluster, Refused
from footfall_operator.metrics import Metrics
from footfall_operator.resources import EVENT, Ref, kind_of, ref_of
from footfall_operator.status import Said, conditions, transitions

_COMPONENT = "footfall-operator"
_log = structlog.stdlib.get_logger(__name__)


class Reporter:
    """`now` gives the time as the API server writes it, `new_id` names events."""

    def __init__(self, cluster: Cluster, metrics: Metrics, now: Callable[[], str], new_id: Callable[[], str]) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._now = now
        self._new_id = new_id

    async def say(self, resource: Body, said: Sequence[Said], more: Mapping[str, Any]) -> None:
        """Conditions and the other fields of a status; `resource` is then of the version that was written.

        Raises Changed where the resource is another by now.
        """
        before, status = resource.get("status", {}), self._status(resource, said, more)
        self._metrics.tell(ref_of(resource), status["conditions"])
        if status == before:
            return
        written = await self._cluster.replace_status({**resource, "status": status})
        resource["metadata"] = written["metadata"]
        for one in transitions(before.get("conditions", ()), status["conditions"]):
            await self._event(resource, one)

    def stands(self, resource: Body, said: Sequence[Said], more: Mapping[str, Any]) -> bool:
        """Whether that is what its status says already; then it counts as said."""
        status = self._status(resource, said, more)
        if stands := bool(status == resource.get("status", {})):
            self._metrics.tell(ref_of(resource), status["conditions"])
        return stands

    def _status(self, resource: Body, said: Sequence[Said], more: Mapping[str, Any]) -> Body:
        before = resource.get("status", {}).get("conditions", ())
        generation = resource["metadata"]["generation"]
        told = conditions(said, before, generation, self._now())
        return {**more, "observedGeneration": generation, "conditions": told}

    async def _event(self, resource: Body, condition: Mapping[str, Any]) -> None:
        """What happened, for `kubectl describe`; a quota on events costs nothing but the event."""
        meta = resource["metadata"]
        bad = condition["type"] == "Stalled" and condition["status"] == "True"
        body = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{meta['name']}.{self._new_id()}",
                "namespace": meta.get("namespace", "default"),
            },
            "involvedObject": {
                "apiVersion": resource["apiVersion"],
                "kind": kind_of(resource).name,
                "name": meta["name"],
                "namespace": meta.get("namespace", ""),
                "uid": meta["uid"],
            },
            "type": "Warning" if bad else "Normal",
            "reason": condition["reason"],
            "message": f"{condition['type']}={condition['status']} {condition['message']}".strip(),
            "source": {"component": _COMPONENT},
            "firstTimestamp": self._now(),
            "lastTimestamp": self._now(),
            "count": 1,
        }
        try:
            await self._cluster.post(Ref(EVENT, body["metadata"]["namespace"], body["metadata"]["name"]), body)
        except (Refused, Changed) as refused:
            _log.warning("event_refused", resource=meta["name"], reason=refused.reason, message=str(refused))
