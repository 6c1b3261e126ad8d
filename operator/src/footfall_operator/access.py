"""How the API server is reached: in a cluster by the pod's ServiceAccount, elsewhere by a kubeconfig."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kubernetes import client
from kubernetes.aio import client as aio
from kubernetes.config import load_kube_config

MOUNTED: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Access:
    """Address, authority, and who we are: a file with a token that is read anew, or a certificate."""

    server: str
    authority: str | None
    token_file: Path | None = None
    certificate: str | None = None
    key: str | None = None
    fixed_token: str | None = None

    def token(self) -> str | None:
        """As it stands now: the kubelet replaces the file's before it expires."""
        return self.token_file.read_text("ascii").strip() if self.token_file else self.fixed_token

    def trust(self) -> ssl.SSLContext:
        """Whom we believe, and who we are where a certificate says so."""
        context = ssl.create_default_context(cafile=self.authority)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


def access(environ: Mapping[str, str], mounted: Path = MOUNTED) -> Access:
    """In a cluster, what the pod was given; else the kubeconfig that KUBECONFIG names, or the user's."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if host and port:
        address = f"[{host}]" if ":" in host else host
        return Access(f"https://{address}:{port}", str(mounted / "ca.crt"), token_file=mounted / "token")
    read = client.Configuration()
    load_kube_config(config_file=environ.get("KUBECONFIG"), client_configuration=read)  # type: ignore[no-untyped-call] # generated
    header = read.get_api_key_with_prefix("BearerToken") or ""
    return Access(
        read.host,
        read.ssl_ca_cert,
        certificate=read.cert_file,
        key=read.key_file,
        fixed_token=header.partition(" ")[2] or None,
    )


def for_asyncio(found: Access, connections: int) -> aio.ApiClient:
    """What passes use. Tokens are put into each request by its caller."""
    settings = aio.Configuration(host=found.server)
    settings.ssl_ca_cert, settings.cert_file, settings.key_file = found.authority, found.certificate, found.key
    settings.connection_pool_maxsize = connections
    return aio.ApiClient(settings)


def for_threads(found: Access) -> client.ApiClient:
    """What the lease's thread uses; it retries by itself, so the client does not."""
    settings = client.Configuration(host=found.server)
    settings.ssl_ca_cert, settings.cert_file, settings.key_file = found.authority, found.certificate, found.key
    settings.retries = 0
    return client.ApiClient(settings)
