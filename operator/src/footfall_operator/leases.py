"""The Lease object, over the synchronous client: its thread must not wait for the event loop."""

import datetime as dt
from collections.abc import Callable
from typing import Final, NamedTuple

import urllib3
from kubernetes.client import ApiClient, ApiException, CoordinationV1Api, V1Lease, V1LeaseSpec, V1ObjectMeta

from footfall_operator.access import Access
from footfall_operator.lease import Conflict, Record, Unreachable

_NOT_FOUND: Final = 404
_CONFLICT: Final = 409


class Place(NamedTuple):
    """Where the Lease is."""

    namespace: str
    name: str


class KubernetesLeases:
    """One Lease, each call cut off after `seconds`. `now` = the time of day: for people, nothing reads it back."""

    def __init__(
        self, client: ApiClient, access: Access, place: Place, seconds: float, now: Callable[[], dt.datetime]
    ) -> None:
        self._client = client
        self._access = access
        self._namespace, self._name = place
        self._seconds = seconds
        self._now = now

    def read(self) -> Record | None:
        """None where there is none. Raises Unreachable."""
        try:
            found = self._api().read_namespaced_lease(self._name, self._namespace, _request_timeout=self._seconds)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise Unreachable(f"{error.status} {error.reason}") from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise Unreachable(repr(error)) from error
        spec, meta = found.spec or V1LeaseSpec(), found.metadata or V1ObjectMeta()
        return Record(
            holder=spec.holder_identity or "",
            seconds=float(spec.lease_duration_seconds or 0),
            renewals=str(spec.renew_time),
            version=str(meta.resource_version),
            transitions=spec.lease_transitions or 0,
        )

    def write(self, holder: str, seconds: float, seen: Record | None) -> None:
        """Only if it still stands as `seen`. Raises Conflict or Unreachable."""
        body = self._body(holder, seconds, seen)
        try:
            api = self._api()
            if seen is None:
                api.create_namespaced_lease(self._namespace, body, _request_timeout=self._seconds)
            else:
                api.replace_namespaced_lease(self._name, self._namespace, body, _request_timeout=self._seconds)
        except ApiException as error:
            if error.status == _CONFLICT:
                raise Conflict("somebody else wrote it") from error
            raise Unreachable(f"{error.status} {error.reason}") from error
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise Unreachable(repr(error)) from error

    def _body(self, holder: str, seconds: float, seen: Record | None) -> V1Lease:
        taken = seen is None or seen.holder != holder
        moment = self._now()
        spec = V1LeaseSpec(
            holder_identity=holder,
            lease_duration_seconds=max(1, round(seconds)),
            renew_time=moment,
            acquire_time=moment if taken else None,
            lease_transitions=(seen.transitions if seen else 0) + int(taken and holder != ""),
        )
        version = seen.version if seen else None
        meta = V1ObjectMeta(name=self._name, namespace=self._namespace, resource_version=version)
        return V1Lease(api_version="coordination.k8s.io/v1", kind="Lease", metadata=meta, spec=spec)

    def _api(self) -> CoordinationV1Api:
        if token := self._access.token():
            self._client.set_default_header("Authorization", f"Bearer {token}")  # type: ignore[no-untyped-call] # generated
        return CoordinationV1Api(self._client)
