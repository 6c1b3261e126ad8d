"""Settings of the receiver; every limit a sender can meet stands here."""

from typing import Annotated, ClassVar

from pydantic import Field

from footfall_common.settings import Listed, Settings


class ReceiverSettings(Settings):
    """The native door and what it refuses."""

    prefix: ClassVar[str] = "RECEIVER"

    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    """Bytes a body may hold, also after gunzip; more is 413."""

    max_event_bytes: Annotated[int, Field(ge=1024)] = 32 * 1024
    """Bytes one event may hold as JSON; more is rejected as `too_large`."""

    max_events: Annotated[int, Field(ge=1)] = 500
    """Events a request may hold; more is 400."""

    max_record_bytes: Annotated[int, Field(ge=65_536)] = 200_000
    """Bytes a bus record may hold; a visitor's events are split over several. Kafka's batches end at 512 KB."""

    max_in_flight: Annotated[int, Field(ge=1)] = 1024
    """Requests that wait for the bus at once; more is 503, so that latency stays bounded."""

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Receivers that share the traffic: each holds a tenant and a resource to their `eventsPerSecond` divided by it."""

    burst_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 10
    """Seconds' worth of `eventsPerSecond` that may come at once after a quiet time; more is 429 with Retry-After. A
    request larger than that is taken when nothing else was for as long, and what follows waits accordingly."""

    visitor_daily_limit: Annotated[int, Field(ge=1)] = 3000
    """Events a visitor, UTC day and receiver process; more is rejected as `visitor_limit`. It guards partitions."""

    visitors_watched: Annotated[int, Field(ge=1)] = 50_000
    """Visitors counted for that limit at once, about 150 bytes each."""

    duplicates_watched: Annotated[int, Field(ge=1)] = 20_000
    """Newest event ids held for the `duplicate` hint, about 250 bytes each, twice as many at most."""

    ipv4_prefix: Annotated[int, Field(ge=0, le=32)] = 24
    """Bits kept of an IPv4 address; the rest never leaves the receiver."""

    ipv6_prefix: Annotated[int, Field(ge=0, le=128)] = 48
    """Bits kept of an IPv6 address."""

    trusted_proxies: Listed = ()
    """Networks whose X-Forwarded-For is believed, such as 10.0.0.0/8; none by default, since anyone can send it."""

    scrubbed_parameters: Listed = (
        "access_token",
        "api_key",
        "apikey",
        "auth",
        "code",
        "e-mail",
        "email",
        "id_token",
        "jwt",
        "key",
        "mail",
        "otp",
        "pass",
        "passwd",
        "password",
        "pwd",
        "refresh_token",
        "secret",
        "session",
        "sessionid",
        "sid",
        "sig",
        "signature",
        "state",
        "token",
    )
    """Query parameters whose values are replaced in href and referrer before anything is stored."""
