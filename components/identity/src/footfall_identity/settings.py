"""What identity can be told."""

from typing import ClassVar

from pydantic import Field

from footfall_common.settings import Settings


class IdentitySettings(Settings):
    """Identity: tokens, signing keys, and limits of its doors."""

    prefix: ClassVar[str] = "IDENTITY"

    issuer: str = Field("http://127.0.0.1:8080/identity", pattern=r"^https?://[^\s?#]+[^/\s?#]$")
    """The address that clients reach identity at, without a slash at its end. It stands in every token as `iss`, so
    tokens made under another one no longer hold."""

    token_seconds: int = Field(3600, ge=60, le=86_400)
    """Seconds an access token holds. Creatio expects an hour."""

    key_days: int = Field(90, ge=1, le=3650)
    """Days after which a new signing key is made."""

    key_ahead_seconds: int = Field(300, ge=60, le=86_400)
    """Seconds a new signing key is published before it signs, so that everyone who verifies has it by then."""

    key_check_seconds: float = Field(60, ge=1, le=3600)
    """Seconds between looks at the signing keys: whether one is due, and whether another replica made one."""

    relay_seconds: float = Field(2, ge=0.1, le=60)
    """Seconds between sweeps for stored but unpublished settings; each change is also published at once."""

    body_bytes: int = Field(16_384, ge=1024, le=1_048_576)
    """Bytes that a request body may have."""

    failed_attempts: int = Field(10, ge=1, le=1000)
    """Failed authentications of one client id in a row that are answered 401; those after it are answered 429."""

    failed_attempts_per_minute: int = Field(10, ge=1, le=1000)
    """Failed authentications of one client id a minute that are answered 401 in the long run. A right secret is
    always taken, so that nobody can lock a client out by failing in its name."""
