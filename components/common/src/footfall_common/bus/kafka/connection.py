"""What every client of the cluster is made with, and why none can be made."""

import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError

from footfall_common.bus.kafka.settings import KafkaSettings
from footfall_common.errors import BusUnavailable


def arguments(settings: KafkaSettings) -> Mapping[str, Any]:
    """Keyword arguments of an aiokafka client; BusUnavailable when a file of theirs cannot be read."""
    try:
        return {
            "bootstrap_servers": list(settings.servers),
            "client_id": "footfall",
            "request_timeout_ms": settings.request_timeout_ms,
            **_security(settings),
        }
    except (OSError, UnicodeError) as error:
        message = f"Kafka's credentials cannot be read: {error}."
        raise BusUnavailable(message, retry_after=5) from error


def fetching(settings: KafkaSettings) -> Mapping[str, Any]:
    """Keyword arguments of whatever reads: from the oldest record on where nothing else is known."""
    return {
        "auto_offset_reset": "earliest",
        "fetch_max_wait_ms": settings.fetch_max_wait_ms,
        "fetch_max_bytes": settings.fetch_bytes,
        "max_partition_fetch_bytes": settings.fetch_partition_bytes,
    }


async def obstacle(settings: KafkaSettings) -> str | None:
    """Why none of the servers lets us in; None when one does.

    aiokafka's bootstrap says only that it could not, a wrong password included: the reason goes to its log.
    """
    reasons = []
    for server in settings.servers:
        host, _, port = server.rpartition(":")
        try:
            connection = await create_conn(
                host,
                int(port),
                client_id="footfall",
                request_timeout_ms=settings.request_timeout_ms,
                **_security(settings),
            )
        except TimeoutError:
            reasons.append(f"{server} does not answer")
        except (OSError, KafkaError, ValueError) as error:
            reasons.append(f"{server}: {_named(error, settings)}")
        else:
            await connection.close()
            return None
    return "; ".join(reasons)


def _named(error: Exception, settings: KafkaSettings) -> str:
    who = f" (user {settings.user})" if "Auth" in type(error).__name__ else ""
    return f"{str(error) or type(error).__name__}{who}"


def _security(settings: KafkaSettings) -> dict[str, Any]:
    given: dict[str, Any] = {"security_protocol": settings.security}
    if settings.security.endswith("SSL"):
        given["ssl_context"] = _tls(settings)
    if settings.security.startswith("SASL") and settings.password_file:
        given["sasl_mechanism"] = settings.mechanism
        given["sasl_plain_username"] = settings.user
        given["sasl_plain_password"] = settings.password_file.read_text().strip()
    return given


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file:
        context.load_cert_chain(settings.certificate_file, settings.certificate_key_file)
    return context
