"""What every component that runs alone can be told, beside its own settings and those of bus and store."""

from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field

from footfall_common.documents import NIL
from footfall_common.placement import Groups, Names, Placement, Topics, names
from footfall_common.settings import Settings

_POOLED: Final = names(NIL, Placement.POOLED)
_KAFKA_NAME: Final = r"^[A-Za-z0-9._-]{1,249}$"


class ProcessSettings(Settings):
    """One component in a process of its own: where it answers, how it stops, whom it believes."""

    prefix: ClassVar[str] = "PROCESS"

    host: str = "127.0.0.1"
    """Address to listen on. This machine alone by default; in a container 0.0.0.0, behind something that speaks TLS."""

    port: int = Field(8080, ge=0, le=65_535)
    """Port to listen on; 0 = any that is free, named by the log line `listening`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the JSON lines on stderr; `info` has a line a request but for the native door."""

    notice_seconds: float = Field(5, ge=0, le=120)
    """Seconds that requests are served on after SIGTERM or SIGINT while /readyz says draining, so that balancers learn
    of it. 0 where none stands in front."""

    drain_seconds: int = Field(20, ge=1, le=300)
    """Seconds that requests in flight may take after that before they are cut off."""

    stop_seconds: float = Field(15, ge=1, le=300)
    """Seconds that leaving the groups and closing bus and store may take after that; then the process writes down where
    it hangs and ends with 1."""

    retry_seconds: float = Field(0.5, gt=0, le=60)
    """The first wait before bus or store are tried again at the start; it doubles up to `retry_max_seconds`."""

    retry_max_seconds: float = Field(5, gt=0, le=60)
    """The longest wait before bus or store are tried again at the start."""

    issuer: str = Field("", pattern=r"^(https?://[^\s?#]+[^/\s?#])?$")
    """Identity's address as it stands in its tokens (`FOOTFALL_IDENTITY_ISSUER` there), whose tokens are taken.
    Tenant and report need it; the others read no tokens."""

    admin_token_file: Path | None = None
    """File that holds the administrator's token, read at each use, so that it may be replaced. None = the doors below
    /admin refuse everyone."""


class NamesSettings(Settings):
    """What topics, groups and keyspace are called: by default as for Pooled tenants; a Dedicated one has its own."""

    prefix: ClassVar[str] = "NAMES"

    topic_raw: str = Field(_POOLED.topics.raw, pattern=_KAFKA_NAME)
    """Topic of raw events."""
    topic_dead: str = Field(_POOLED.topics.dead, pattern=_KAFKA_NAME)
    """Topic of dead letters."""
    topic_buckets: str = Field(_POOLED.topics.buckets, pattern=_KAFKA_NAME)
    """Topic of marks."""
    topic_settings: str = Field(_POOLED.topics.settings, pattern=_KAFKA_NAME)
    """Topic of settings, compacted."""
    group_raw_receiver: str = Field(_POOLED.groups.raw_receiver, pattern=_KAFKA_NAME)
    """Consumer group of the raw receivers."""
    group_bucket_worker: str = Field(_POOLED.groups.bucket_worker, pattern=_KAFKA_NAME)
    """Consumer group of the bucket workers."""
    keyspace: str = Field(_POOLED.keyspace, pattern=r"^[a-z][a-z0-9_]{0,47}$")
    """Keyspace of the tables."""

    def names(self) -> Names:
        """As everything else takes them; users and roles are the credentials', not given here."""
        return Names(
            topics=Topics(self.topic_raw, self.topic_dead, self.topic_buckets, self.topic_settings),
            groups=Groups(self.group_raw_receiver, self.group_bucket_worker),
            keyspace=self.keyspace,
            kafka_user=_POOLED.kafka_user,
            role=_POOLED.role,
        )
