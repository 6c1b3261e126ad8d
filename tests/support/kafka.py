"""The bus adapter's settings on real brokers, and topics of a test's own."""

import asyncio
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footfall_common.bus.kafka import KafkaSettings
from tests.support.servers import Credentials, KafkaServers
from tools.kafka.handle import STAMPED


def settings_for(kafka: KafkaServers, folder: Path, user: Credentials | None = None, **changes: Any) -> KafkaSettings:
    """As a user, the administrator by default; quick to notice a rebalance. `changes` replace some."""
    who = user or kafka.admin
    password = folder / f"password-{uuid.uuid4().hex[:8]}"
    password.write_text(who.password)
    given: dict[str, Any] = {
        "servers": tuple(kafka.bootstrap.split(",")),
        "security": kafka.protocol,
        "user": who.user,
        "password_file": password,
        "ca_file": kafka.ca,
        "session_timeout_ms": 6_000,
        "heartbeat_ms": 150,
        "fetch_max_wait_ms": 100,
    }
    return KafkaSettings.model_validate(given | changes)


async def make_topics(kafka: KafkaServers, topics: Mapping[str, int], config: Mapping[str, str] = STAMPED) -> None:
    """Topics with so many partitions each."""
    await asyncio.to_thread(kafka.topics, topics, config)


async def fresh_topic(kafka: KafkaServers, partitions: int = 4) -> str:
    """A topic that nobody else knows."""
    topic = f"t-{uuid.uuid4().hex[:8]}"
    await make_topics(kafka, {topic: partitions})
    return topic
