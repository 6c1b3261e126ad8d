"""Holding Kafka: `with brokers(...) as kafka`."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from footfall_common.placement import Names
from tools.servers.handle import Credentials, Servers, held
from tools.servers.server import awake, until

T = TypeVar("T")
_ITERATIONS: Final = 8_192
_SECONDS: Final = 30.0
STAMPED: Final[Mapping[str, str]] = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "1048588"}
COMPACTED: Final[Mapping[str, str]] = {**STAMPED, "cleanup.policy": "compact"}


class KafkaServers(Servers):
    """Held brokers."""

    @property
    def bootstrap(self) -> str:
        """Addresses that clients begin with, as they are advertised."""
        return str(self._facts["bootstrap"])

    @property
    def direct(self) -> Sequence[str]:
        """Where each broker really listens for clients."""
        return list(self._facts["direct"])

    def client(self, user: Credentials | None = None, address: str | None = None) -> AdminClient:
        """The administrator's client, or another user's; keep it until what it promised is done.

        It begins with the brokers as they are advertised, or with the one at `address`.
        """
        who = user or self.admin
        given: dict[str, str | int | float | bool] = {
            "bootstrap.servers": address or self.bootstrap,
            "security.protocol": self.protocol,
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": who.user,
            "sasl.password": who.password,
            "log_level": 0,
        }
        if self.ca:
            given["ssl.ca.location"] = str(self.ca)
        return AdminClient(given)

    @property
    def protocol(self) -> str:
        """How clients speak to it."""
        return "SASL_SSL" if self.ca else "SASL_PLAINTEXT"

    def topics(self, wanted: Mapping[str, int], config: Mapping[str, str] = STAMPED) -> None:
        """Make topics of so many partitions each, where they are missing; returns once every broker knows of them."""
        client = self.client()
        made = [NewTopic(name, count, -1, config=dict(config)) for name, count in wanted.items()]
        for future in client.create_topics(made).values():
            try:
                future.result(_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise
        self._spread(wanted)

    def user(self, user: Credentials) -> None:
        """Make a user, or give it this password."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
        change = UserScramCredentialUpsertion(user.user, info, user.password.encode())
        client = self.client()
        _insist(lambda: client.alter_user_scram_credentials([change])[user.user].result(_SECONDS))

    def grant(self, user: str, topics: Sequence[str], groups: Sequence[str]) -> None:
        """Let a user read and write these topics and be in these groups."""
        client = self.client()
        bindings = [_binding(user, ResourceType.TOPIC, name, what) for name in topics for what in _ON_TOPICS]
        bindings += [_binding(user, ResourceType.GROUP, name, what) for name in groups for what in _ON_GROUPS]
        for future in client.create_acls(bindings).values():
            future.result(_SECONDS)

    def revoke(self, user: str) -> None:
        """Take a user's rights and its password. It is never deleted: a broker restarted after that may refuse all."""
        client = self.client()
        mine = AclBindingFilter(
            ResourceType.ANY,
            None,  # type: ignore[arg-type] # any; its types do not know
            ResourcePatternType.ANY,
            f"User:{user}",
            None,  # type: ignore[arg-type] # likewise
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        for future in client.delete_acls([mine]).values():
            future.result(_SECONDS)
        self.user(Credentials(user, secrets.token_hex(32)))

    def provision(self, names: Names, user: Credentials, partitions: int) -> None:
        """All that the components of one placement need; returns once every broker lets them have it."""
        topics = names.topics
        mine = (topics.raw, topics.dead, topics.buckets, topics.settings)
        self.topics({topics.raw: partitions, topics.buckets: partitions, topics.dead: 1})
        self.topics({topics.settings: 1}, COMPACTED)
        self.user(user)
        self.grant(user.user, mine, (names.groups.raw_receiver, names.groups.bucket_worker))
        self._spread(mine, user)

    def leaders(self, topic: str) -> Mapping[int, int]:
        """Partition -> the number of the server that leads it, -1 where none does."""
        found = self.client().list_topics(topic, timeout=_SECONDS).topics[topic]
        return {number: one.leader - 1 if one.leader > 0 else -1 for number, one in found.partitions.items()}

    def in_step(self, topic: str) -> bool:
        """Whether every partition has all its replicas in sync."""
        found = self.client().list_topics(topic, timeout=_SECONDS).topics[topic]
        return all(set(one.isrs) == set(one.replicas) for one in found.partitions.values())

    def _spread(self, topics: Collection[str], user: Credentials | None = None) -> None:
        """Changes reach brokers one by one: return once each that is awake tells this user who leads these topics."""
        deadline = time.monotonic() + _SECONDS
        for address, pid in zip(self.direct, self.pids(), strict=True):
            while awake(pid) and not _led(self.client(user, address), topics):
                until(deadline, f"the broker at {address} does not know of {', '.join(topics)}")


_ON_TOPICS: Final = (AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE)
_ON_GROUPS: Final = (AclOperation.READ, AclOperation.DESCRIBE)


def _binding(user: str, kind: ResourceType, name: str, what: AclOperation) -> AclBinding:
    return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", what, AclPermissionType.ALLOW)


def _led(client: AdminClient, topics: Collection[str]) -> bool:
    try:
        found = client.list_topics(timeout=2).topics
    except KafkaException:
        return False
    parts = [list(found[name].partitions.values()) if name in found else [] for name in topics]
    return all(parts) and all(part.leader > 0 for each in parts for part in each)


def _insist(step: Callable[[], T]) -> T:
    """SCRAM changes reach brokers a moment late; RESOURCE_NOT_FOUND meanwhile."""
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            return step()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


@contextmanager
def brokers(*, share: str | None = None, **options: Any) -> Iterator[KafkaServers]:
    """Kafka while the block lasts; `options` as in tools.kafka.cluster.Options."""
    with held("kafka", options, share) as lease:
        yield KafkaServers(lease)
