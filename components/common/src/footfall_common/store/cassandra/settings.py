"""Settings of the Cassandra adapter."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from footfall_common.settings import Listed, Settings


class CassandraSettings(Settings):
    """How a process reaches Cassandra, and how long it waits for it."""

    prefix: ClassVar[str] = "CASSANDRA"

    hosts: Listed = Field(("127.0.0.1",), min_length=1)
    """Names or addresses of some nodes, separated by commas; the others are learnt from them."""
    port: int = Field(9042, ge=1, le=65_535)
    """The port of the native protocol, the same on every node."""
    local_dc: str = Field("datacenter1", min_length=1)
    """The data centre to speak to; reads and writes wait for a majority of its replicas alone (LOCAL_QUORUM)."""
    user: str = ""
    """The role to log in as; empty = the cluster asks for none."""
    password_file: Path | None = None
    """A file that holds the role's password; read at every new connection, so that it may be replaced."""
    ca_file: Path | None = None
    """Certificates (PEM) that vouch for the nodes; set = TLS."""
    check_names: bool = True
    """Whether a node's certificate must name the address that the node is reached by; off where nodes get addresses
    that no certificate knows, and then any certificate of `ca_file` will do."""
    cert_file: Path | None = None
    """This process's own certificate (PEM) where nodes ask for one; needs `key_file` and `ca_file`."""
    key_file: Path | None = None
    """The private key (PEM) of `cert_file`."""
    replication: int = Field(3, ge=1, le=9)
    """Copies of every row in `local_dc`, in a keyspace that `footfall migrate` makes; one that stands keeps its own."""
    connect_seconds: float = Field(5.0, gt=0, le=30)
    """How long one connection may take to open, the log-in included."""
    deadline_seconds: float = Field(8.0, gt=0, le=60)
    """How long a read or a group of writes may take, waiting for room included; then the store counts as down."""
    max_in_flight: int = Field(512, ge=8, le=8_192)
    """Requests of this process under way at once; more wait for room, so that a slow cluster is not buried."""
    batch_bytes: int = Field(65_536, ge=4_096, le=1_048_576)
    """Bytes of rows of one partition that are written as one request; one row alone may be larger."""
    batch_rows: int = Field(50, ge=1, le=500)
    """Rows of one partition that are written as one request."""
    page_rows: int = Field(1_000, ge=10, le=10_000)
    """Rows that one answer holds at most; further ones are fetched as they are needed."""
    heartbeat_seconds: float = Field(1.0, ge=0.5, le=60)
    """How long a connection may be silent before its node is asked for a sign of life, and how long that may take
    (doubled): a node that hangs is given up, and its requests go to another, after about three times this."""
    reconnect_seconds: float = Field(0.25, gt=0, le=10)
    """The first wait before a node that went away is tried again; it doubles up to `reconnect_max_seconds`."""
    reconnect_max_seconds: float = Field(2.0, gt=0, le=60)
    """The longest wait before a node is tried again."""
    renew_seconds: float = Field(5.0, gt=0, le=600)
    """How long every request must have failed before all connections are made anew, names of hosts looked up again."""
    close_seconds: float = Field(5.0, gt=0, le=60)
    """How long closing waits for what is under way."""
    remembered_visitors: int = Field(50_000, ge=0, le=10_000_000)
    """Visitors (and their month) whose being listed is remembered, so that it is written once; about 200 bytes each."""
    remembered_resources: int = Field(10_000, ge=0, le=10_000_000)
    """Resources (and their day) whose having segments is remembered, so that it is written once."""
