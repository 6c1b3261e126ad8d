"""What aiokafka raises, in the words of the error tree. Here only."""

from typing import Final

from aiokafka import errors as kafka

from footfall_common.errors import BusUnavailable

LATE: Final = "Kafka did not acknowledge in time; try again."
FULL: Final = "What waits for Kafka fills its buffer; try again."
CLOSED: Final = "The bus is closed."
_SECONDS: Final = 1
_SECONDS_FOR_PEOPLE: Final = 5
"""Retry-After where somebody has to change something first."""

_REFUSED: Final = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.InvalidTopicError,
    kafka.TopicAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.InvalidRequiredAcksError,
)


def refused(error: BaseException) -> bool:
    """Whether the same batch would be refused again."""
    return isinstance(error, _REFUSED)


def fatal(error: BaseException) -> bool:
    """Whether the producer that raised it sends nothing any more: its sender died, or it is closed."""
    return isinstance(error, kafka.ProducerClosed) or type(error) is kafka.KafkaError


def unavailable(error: BaseException | None, *, topic: str, user: str, group: str = "") -> BusUnavailable:
    """The BusUnavailable that names the cause and the way out."""
    match error:
        case kafka.TopicAuthorizationFailedError() | kafka.ClusterAuthorizationFailedError():
            message = f"Kafka's user {user or 'ANONYMOUS'} may not use topic {topic}: grant it the right."
        case kafka.GroupAuthorizationFailedError():
            message = f"Kafka's user {user or 'ANONYMOUS'} may not use group {group}: grant it the right."
        case kafka.UnknownTopicOrPartitionError() | kafka.InvalidTopicError():
            return missing(topic)
        case kafka.MessageSizeTooLargeError() | kafka.RecordListTooLargeError():
            message = f"Topic {topic} takes smaller batches than ours: raise its max.message.bytes to 1 MiB or more."
        case kafka.NodeNotReadyError() | kafka.KafkaConnectionError():
            return BusUnavailable(f"The broker that leads topic {topic} is not reached; try again.")
        case kafka.NotLeaderForPartitionError() | kafka.LeaderNotAvailableError():
            return BusUnavailable(f"A partition of topic {topic} has no leader; try again.")
        case None | kafka.RequestTimedOutError() | kafka.KafkaTimeoutError() | TimeoutError():
            return BusUnavailable(LATE, retry_after=_SECONDS)
        case _:
            text = str(error) or type(error).__name__
            return BusUnavailable(f"Kafka takes nothing on topic {topic}: {text}.", retry_after=_SECONDS)
    return BusUnavailable(message, retry_after=_SECONDS_FOR_PEOPLE)


def silent(seconds: float) -> BusUnavailable:
    """Of a broker that answers nothing."""
    return BusUnavailable(f"Kafka has not answered for {seconds:.0f} s.", retry_after=_SECONDS)


def broken_down() -> BusUnavailable:
    """Of a client that has lost a task of its own."""
    return BusUnavailable("The client of Kafka broke down; another one takes its place.", retry_after=_SECONDS)


def missing(topic: str) -> BusUnavailable:
    """Of a topic that does not exist, or that this user may not even see."""
    return BusUnavailable(
        f"Kafka has no topic {topic}, or its user may not see it: the operator makes it for a tenant, `make stack` for "
        "a local cluster.",
        retry_after=_SECONDS_FOR_PEOPLE,
    )
