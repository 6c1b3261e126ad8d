"""A real API server over plain HTTP, so that a test sees what was sent and what was answered."""

import base64
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

GROUP = "/apis/footfall.dev/v1alpha1"
OPERATOR = "system:serviceaccount:footfall-system:footfall-operator"
AS_OPERATOR = {"Impersonate-User": OPERATOR, "Impersonate-Group": "system:masters"}
"""A policy lets nobody else write claims."""
PLURALS = {
    "TrackingTenant": "trackingtenants",
    "TrackingPlatform": "trackingplatforms",
    "TrackingClaim": "trackingclaims",
}


class Api:
    """Who holds a kubeconfig, speaking HTTP."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def knows(self, kind: str) -> bool:
        """Whether the API server answers for that kind of ours."""
        return self.client.get(f"{GROUP}/{PLURALS[kind]}").is_success

    def create(self, body: Mapping[str, Any], **query: str) -> httpx.Response:
        """POST one of our resources; unknown fields are refused, as kubectl asks for."""
        return self._send("POST", path_of(body), body, query)

    def replace(self, body: Mapping[str, Any], **query: str) -> httpx.Response:
        """PUT one of our resources."""
        return self._send("PUT", place_of(body), body, query)

    def delete(self, body: Mapping[str, Any], **query: str) -> httpx.Response:
        """DELETE one of our resources."""
        return self._send("DELETE", place_of(body), body, query)

    def _send(self, method: str, path: str, body: Mapping[str, Any], query: Mapping[str, str]) -> httpx.Response:
        headers = AS_OPERATOR if body["kind"] == "TrackingClaim" else {}
        content = body if method != "DELETE" else None
        params = {"fieldValidation": "Strict", **query}
        return self.client.request(method, path, json=content, params=params, headers=headers)


def place_of(body: Mapping[str, Any]) -> str:
    """Where that resource is."""
    return f"{path_of(body)}/{body['metadata']['name']}"


def path_of(body: Mapping[str, Any]) -> str:
    """Where resources of that kind and namespace are."""
    namespace = body["metadata"].get("namespace")
    return "/".join([GROUP, *(["namespaces", namespace] if namespace else []), PLURALS[body["kind"]]])


def causes(answer: httpx.Response) -> dict[str, str]:
    """Field -> why it was refused."""
    details = answer.json().get("details", {})
    return {cause.get("field", ""): cause["message"] for cause in details.get("causes", ())}


@contextmanager
def connected(kubeconfig: Path) -> Iterator[Api]:
    """Speak as the user of a kubeconfig with everything inside."""
    config = json.loads(kubeconfig.read_text("utf-8"))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    with TemporaryDirectory() as folder:
        certificate, key = Path(folder) / "crt", Path(folder) / "key"
        certificate.write_bytes(base64.b64decode(user["client-certificate-data"]))
        key.write_bytes(base64.b64decode(user["client-key-data"]))
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        trust.load_cert_chain(certificate, key)
        with httpx.Client(base_url=cluster["server"], verify=trust, timeout=30) as client:
            yield Api(client)
