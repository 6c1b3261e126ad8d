"""Real servers for this suite's tests: one set for all workers of a run."""

from tests.support.breakable_kafka import broker, open_bus, own
from tests.support.servers import cassandra, cassandra3, cassandra_tls, kafka, kafka3, kafka_tls

__all__ = ["broker", "cassandra", "cassandra3", "cassandra_tls", "kafka", "kafka3", "kafka_tls", "open_bus", "own"]
