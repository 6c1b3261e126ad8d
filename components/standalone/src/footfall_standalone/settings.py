"""Settings of the standalone process itself; the components have their own."""

from typing import ClassVar, Literal

from pydantic import Field

from footfall_common.settings import Settings


class StandaloneSettings(Settings):
    """The five components in one process: where it listens and how it reads manifests."""

    prefix: ClassVar[str] = "STANDALONE"

    host: str = "127.0.0.1"
    """The address to listen on. This machine alone by default: put a TLS proxy in front before opening it."""

    public_url: str = Field("", pattern=r"^(https?://[^/]+(/.*[^/])?)?$")
    """How browsers and Creatio reach this process, without a slash at the end, such as `https://track.example.com`.

    Empty = `http://127.0.0.1:<port>`. It names the receiver in snippets and is the issuer of tokens, so that a new
    value, or a new port, ends the tokens that stand (Creatio fetches new ones by itself).
    """

    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """Least level of the JSON lines on stderr; `info` adds a line a request but for the native door."""

    drain_seconds: int = Field(20, ge=1, le=300)
    """Seconds that requests may take to end after SIGTERM or SIGINT before they are cut off."""

    poll_seconds: float = Field(0.25, gt=0, le=1)
    """Seconds between two looks at the manifest files; a change acts once two looks in a row saw the same content."""

    reader_threads: int = Field(2, ge=1, le=16)
    """Threads that read the store for feeds and reports."""

    bus_linger_seconds: float = Field(0.002, ge=0, le=1)
    """Seconds that the first record of a commit waits for others: each answer is this much later, and under load one
    sync serves more requests."""

    bus_deadline_seconds: float = Field(8, gt=0, le=60)
    """Seconds after which a request that the bus has not acknowledged is answered 503."""

    bus_buffer_bytes: int = Field(64 * 1024 * 1024, ge=1024 * 1024)
    """Bytes that may wait for a commit; more is 503."""

    bus_tail_bytes: int = Field(8 * 1024 * 1024, ge=0)
    """Bytes of each topic's newest records kept in memory, so that who keeps up reads no file."""

    bus_hours: int = Field(168, ge=1, le=10_000)
    """Hours that raw events stay on the bus once they are stored. Events themselves are kept as long as their tenant's
    manifest says (`spec.cassandra.retention`)."""

    housekeeping_seconds: float = Field(3600, gt=0, le=86_400)
    """Seconds between two looks for what has outlived its time."""
