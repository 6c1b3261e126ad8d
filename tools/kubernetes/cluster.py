"""A Kubernetes control plane: etcd, API server, controllers and scheduler on loopback; no nodes, so no pod ever runs.

RBAC decides, an audit log tells who wrote what, and the admission plug-ins are those of a default cluster.
"""

import base64
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from tools.kubernetes.build import programs, version
from tools.servers.ports import free
from tools.servers.server import Server, until
from tools.servers.tls import Authority, key_pem

ETCD: Final = 0
API_SERVER: Final = 1
CONTROLLERS: Final = 2
SCHEDULER: Final = 3
_HOST: Final = "127.0.0.1"
_START: Final = 90.0
_SERVICES: Final = "10.96.0.0/16"
_AUDIT: Final = Path(__file__).parent / "audit.yaml"
# They judge nodes; here is none.
_WITHOUT: Final = ("node-lifecycle-controller", "pod-garbage-collector-controller", "node-ipam-controller")


@dataclass(frozen=True)
class Options:
    """What a control plane is asked to be."""

    audit_megabytes: int = 512


class ControlPlane:
    """Its servers, numbered by ETCD, API_SERVER, CONTROLLERS, SCHEDULER."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._programs = programs()
        self._authority = Authority(folder)
        self._etcd, self._peer, self._api = free(3, _HOST)
        self._audit = folder / "audit.log"
        self._accounts = self._account_key()
        self._serving = self._authority.pem(folder / "serving", "kube-apiserver", names=[_HOST, "localhost"])
        self.servers: Sequence[Server] = [
            self._server("etcd", self._etcd_flags()),
            self._server("kube-apiserver", self._api_flags()),
            self._server("kube-controller-manager", self._controller_flags()),
            self._server("kube-scheduler", self._scheduler_flags()),
        ]

    def start(self) -> None:
        """Start all and return once a namespace gets its service account, so once the controllers work too."""
        self.servers[ETCD].start()
        self.servers[API_SERVER].start()
        self.serving(API_SERVER)
        for number in (CONTROLLERS, SCHEDULER):
            self.servers[number].start()
            self.serving(number)

    def serving(self, number: int) -> None:
        """Return once that server does its work."""
        paths = {CONTROLLERS: "/api/v1/namespaces/default/serviceaccounts/default"}
        deadline = time.monotonic() + _START
        while not self._answers(paths.get(number, "/readyz")):
            self.servers[number].alive()
            until(deadline, self.servers[number].log.parent.name)

    def facts(self) -> dict[str, Any]:
        """Addresses and credentials."""
        return {
            "user": "admin",
            "password": "",
            "ca": str(self._authority.certificate),
            "url": self._url,
            "kubeconfig": str(self._kubeconfig("admin", ["system:masters"])),
            "programs": str(self._programs),
            "audit": str(self._audit),
            "data": [str(server.log.parent) for server in self.servers],
            "logs": [str(server.log) for server in self.servers],
            "versions": {"kubernetes": version(), "etcd": version("go.etcd.io/etcd/server/v3")},
        }

    @property
    def _url(self) -> str:
        return f"https://{_HOST}:{self._api}"

    def _answers(self, path: str) -> bool:
        trust = ssl.create_default_context(cafile=str(self._authority.certificate))
        trust.load_cert_chain(*self._client("admin", ["system:masters"]))
        try:
            with urllib.request.urlopen(self._url + path, timeout=2, context=trust) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)  # noqa: PLR2004 - OK
        except (OSError, urllib.error.URLError):
            return False

    def _client(self, user: str, groups: Sequence[str]) -> tuple[Path, Path]:
        file = self._folder / f"client-{user.rpartition(':')[2]}"
        pair = file.with_suffix(".crt"), file.with_suffix(".key")
        return pair if pair[1].exists() else self._authority.pem(file, user, groups)

    def _kubeconfig(self, user: str, groups: Sequence[str] = ()) -> Path:
        certificate, key = self._client(user, groups)
        file = certificate.with_suffix(".kubeconfig")
        file.write_text(json.dumps(kubeconfig(self._url, self._authority.certificate, certificate, key)), "utf-8")
        return file

    def _account_key(self) -> Path:
        file = self._folder / "accounts.key"
        file.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
        return file

    def _server(self, name: str, flags: Mapping[str, object]) -> Server:
        home = self._folder / name
        home.mkdir()
        return Server([str(self._programs / name), *(f"--{flag}={value}" for flag, value in flags.items())], home)

    def _etcd_flags(self) -> dict[str, object]:
        client, peer = f"http://{_HOST}:{self._etcd}", f"http://{_HOST}:{self._peer}"
        return {
            "name": "one",
            "data-dir": self._folder / "etcd/data",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"one={peer}",
            "unsafe-no-fsync": "true",  # it lies in memory
            "quota-backend-bytes": 4 << 30,
            "log-level": "warn",
        }

    def _api_flags(self) -> dict[str, object]:
        certificate, key = self._serving
        return {
            "etcd-servers": f"http://{_HOST}:{self._etcd}",
            "bind-address": _HOST,
            "advertise-address": _HOST,
            "endpoint-reconciler-type": "none",  # nobody reaches it through a Service, which would refuse loopback
            "secure-port": self._api,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "client-ca-file": self._authority.certificate,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-signing-key-file": self._accounts,
            "service-account-key-file": self._accounts,
            "service-cluster-ip-range": _SERVICES,
            "audit-log-path": self._audit,
            "audit-log-maxsize": self._options.audit_megabytes,
            "audit-policy-file": _AUDIT,
            "allow-privileged": "true",
        }

    def _controller_flags(self) -> dict[str, object]:
        return {
            "kubeconfig": self._kubeconfig("system:kube-controller-manager"),
            "controllers": ",".join(["*", *(f"-{name}" for name in _WITHOUT)]),
            "use-service-account-credentials": "true",
            "service-account-private-key-file": self._accounts,
            "root-ca-file": self._authority.certificate,
            "horizontal-pod-autoscaler-sync-period": "5s",
            **_BUSY,
        }

    def _scheduler_flags(self) -> dict[str, object]:
        return {"kubeconfig": self._kubeconfig("system:kube-scheduler"), **_BUSY}


# They may ask as often as a test makes them; nobody else asks for their health.
_BUSY: Final[Mapping[str, object]] = {
    "kube-api-qps": 200,
    "kube-api-burst": 400,
    "leader-elect": "false",
    "secure-port": 0,
}


def kubeconfig(url: str, authority: Path, certificate: Path, key: Path) -> dict[str, Any]:
    """What kubectl and every client library read, with everything inside; JSON is YAML."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "footfall",
        "contexts": [{"name": "footfall", "context": {"cluster": "footfall", "user": "footfall"}}],
        "clusters": [
            {"name": "footfall", "cluster": {"server": url, "certificate-authority-data": _inline(authority)}}
        ],
        "users": [
            {
                "name": "footfall",
                "user": {"client-certificate-data": _inline(certificate), "client-key-data": _inline(key)},
            }
        ],
    }


def _inline(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode("ascii")


def made(options: Mapping[str, Any], folder: Path) -> ControlPlane:
    """For the supervisor."""
    return ControlPlane(Options(**options), folder)
