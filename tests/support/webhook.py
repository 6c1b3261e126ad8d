"""An admission webhook that has wishes of its own."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from typing_extensions import override

from tools.kubernetes.handle import ControlPlaneServers
from tools.servers.tls import Authority


@contextmanager
def mutating(
    servers: ControlPlaneServers,
    folder: Path,
    namespace: str,
    kind: tuple[str, str],
    patch: Sequence[Mapping[str, Any]],
) -> Iterator[None]:
    """While the block lasts, objects of that group and plural in that namespace are patched on their way in."""
    crt, key = Authority(folder).pem(folder / "webhook", "webhook", names=["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)
    encoded = base64.b64encode(json.dumps(patch).encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"uid": asked["request"]["uid"], "allowed": True, "patchType": "JSONPatch", "patch": encoded}
            body = json.dumps({**asked, "response": answer}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, name="webhook", daemon=True).start()
        authority = base64.b64encode((folder / "ca.pem").read_bytes()).decode()
        url = f"https://127.0.0.1:{server.server_port}/"
        asked = configuration("MutatingWebhookConfiguration", namespace, kind, {"url": url, "caBundle": authority})
        servers.kubectl("create", "-f", "-", body=json.dumps(asked))
        try:
            yield
        finally:
            servers.kubectl("delete", "mutatingwebhookconfiguration", namespace)
            server.shutdown()


def configuration(
    kind: str, namespace: str, of: tuple[str, str], client: Mapping[str, str], seconds: int = 10
) -> dict[str, Any]:
    """Named as the namespace in which it is asked about objects of that group and plural; nothing passes without it."""
    group, plural = of
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "wishes.example.com",
                "clientConfig": dict(client),
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": ["*"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [plural],
                    },
                ],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": seconds,
            }
        ],
    }
