"""How Kafka is reached, and every bound of what waits for it."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from footfall_common.settings import Listed, Settings


class KafkaSettings(Settings):
    """The Kafka cluster that carries events, marks and settings."""

    prefix: ClassVar[str] = "KAFKA"

    servers: Listed = Field(min_length=1)
    """Addresses to begin with, `host:port`, separated by commas; the cluster names the rest itself."""
    security: Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL", "SSL"] = "SASL_SSL"
    """Kafka's `security.protocol`. PLAINTEXT and SASL_PLAINTEXT are for a network that nobody else is on."""
    user: str = ""
    """SCRAM user; required with SASL_PLAINTEXT and SASL_SSL."""
    password_file: Path | None = None
    """File that holds the SCRAM user's password; read again with every new client, so that it may be replaced."""
    mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"
    """SCRAM mechanism of the user."""
    ca_file: Path | None = None
    """Certificates (PEM) that the brokers' are checked against; the system's own where not set."""
    certificate_file: Path | None = None
    """Client certificate (PEM, with its chain), where the brokers ask for one."""
    certificate_key_file: Path | None = None
    """Key of the client certificate (PEM, no passphrase)."""

    compression: Literal["zstd", "none"] = "zstd"
    """Compression of what is published; zstd makes about a fifth of events."""
    linger_ms: float = Field(default=5.0, ge=0, le=1_000)
    """Milliseconds that the first record of a batch waits for others."""
    batch_bytes: int = Field(default=512 * 1024, ge=1_024, le=900 * 1024)
    """Bytes of a batch before compression; below the brokers' `message.max.bytes` (1 MiB) in any case."""
    buffer_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024, le=1024 * 1024 * 1024)
    """Bytes of records that may wait for Kafka; past it publishing is refused at once."""
    deadline_seconds: float = Field(default=8.0, ge=0.5, le=60)
    """Seconds until a record that Kafka has not acknowledged is given up (503), whatever the reason."""

    request_timeout_ms: int = Field(default=3_000, ge=500, le=5_000)
    """Milliseconds that a broker has for one answer before its connection is given up."""
    session_timeout_ms: int = Field(default=10_000, ge=6_000, le=60_000)
    """Milliseconds without a heartbeat until a consumer's partitions go to others."""
    heartbeat_ms: int = Field(default=1_000, ge=100, le=20_000)
    """Milliseconds between heartbeats; at most a third of the session timeout."""
    max_poll_interval_ms: int = Field(default=30_000, ge=5_000, le=30_000)
    """Milliseconds that work on a chunk, or on handing partitions over, may take until they go to others."""
    fetch_max_wait_ms: int = Field(default=500, ge=10, le=2_000)
    """Milliseconds that a broker waits for new records before it says that there are none."""
    fetch_bytes: int = Field(default=8 * 1024 * 1024, ge=1024 * 1024, le=64 * 1024 * 1024)
    """Bytes of one answer of a broker; a process holds up to twice that a broker."""
    fetch_partition_bytes: int = Field(default=1024 * 1024, ge=64 * 1024, le=16 * 1024 * 1024)
    """Bytes of one partition in an answer."""
    close_seconds: float = Field(default=5.0, ge=0.5, le=30)
    """Seconds that the end of a client may take when Kafka does not answer."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.security.startswith("SASL") and not (self.user and self.password_file):
            message = f"{self.security} needs FOOTFALL_KAFKA_USER and FOOTFALL_KAFKA_PASSWORD_FILE"
            raise ValueError(message)
        if bool(self.certificate_file) != bool(self.certificate_key_file):
            message = "FOOTFALL_KAFKA_CERTIFICATE_FILE and FOOTFALL_KAFKA_CERTIFICATE_KEY_FILE go together"
            raise ValueError(message)
        if self.heartbeat_ms * 3 > self.session_timeout_ms:
            message = "FOOTFALL_KAFKA_HEARTBEAT_MS is more than a third of FOOTFALL_KAFKA_SESSION_TIMEOUT_MS"
            raise ValueError(message)
        if self.request_timeout_ms > self.deadline_seconds * 1_000:
            message = "FOOTFALL_KAFKA_REQUEST_TIMEOUT_MS is more than FOOTFALL_KAFKA_DEADLINE_SECONDS"
            raise ValueError(message)
        return self
