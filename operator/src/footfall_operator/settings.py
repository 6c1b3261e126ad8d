"""What the operator is told from outside; everything else it reads from the API server."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from footfall_common.settings import Settings


class OperatorSettings(Settings):
    """The operator. How it reaches the API server is not set: in a pod by its ServiceAccount, else by KUBECONFIG."""

    prefix: ClassVar[str] = "OPERATOR"

    namespace: str = "footfall-system"
    """The operator's own namespace: where the platform's workloads, its Secrets and the lease are."""

    identity: Annotated[str, Field(max_length=253)] = ""
    """Names this process in the lease. Empty = host name and a random number; a Deployment sets the pod's name."""

    lease: Annotated[str, Field(min_length=1, max_length=63)] = "footfall-operator"
    """Name of the Lease that elects the one that acts."""

    lease_seconds: Annotated[float, Field(ge=1, le=300)] = 15.0
    """After so many seconds without renewal another takes over. Renewed every 2/15 of it, given up after 8/15."""

    resync_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """Every resource is looked at anew after this time, give or take a tenth, whatever watches told."""

    watch_seconds: Annotated[int, Field(ge=1, le=3_600)] = 300
    """Each watch is begun anew after this time, or when it was silent for 70 s; /livez fails where one was not begun
    for twice as long: nobody would hear of changes before the next resync."""

    workers: Annotated[int, Field(ge=1, le=64)] = 12
    """Resources that are looked at at the same time; those that got no answer last time are no more than half."""

    call_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Seconds that one call to the API server may take; then it is tried again with growing pauses."""

    host: str = "127.0.0.1"
    """Address for /livez, /readyz and /metrics. This machine alone by default; in a pod 0.0.0.0."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 8080
    """Port for them; 0 = any that is free, named by the log line `listening`."""

    log_level: str = "info"
    """Least level of the JSON lines on stderr."""

    stuck_seconds: Annotated[float, Field(ge=10, le=3_600)] = 120.0
    """/livez fails when resources were due and none was looked at for so long, or the lease was not looked at."""

    account_dir: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """Where the pod's token and ca.crt are; the token is read anew for each call."""
