"""Kafka and Cassandra on this machine, with topics, user and keyspace of the pooled placement: `make stack`.

Prints the variables that a component needs to run on them, and keeps both until Ctrl-C. What they hold goes with them.
"""

import argparse
import secrets
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from footfall_common.documents import NIL
from footfall_common.placement import Placement, names
from tools.cassandra.handle import CassandraServers, nodes
from tools.kafka.handle import KafkaServers, brokers
from tools.servers.handle import Credentials
from tools.servers.jars import Missing

NAMES = names(NIL, Placement.POOLED)


@contextmanager
def stack(options: argparse.Namespace) -> Iterator[dict[str, str]]:
    """Both while the block lasts: the variables of a component."""
    kafka_options = {"brokers": options.brokers, "bind": options.bind}
    cassandra_options = {"nodes": options.nodes}
    shared = {"tls": options.tls, "san": options.san, "profile": options.profile}
    with (
        tempfile.TemporaryDirectory(prefix="footfall-stack-") as folder,
        brokers(**kafka_options, **shared) as kafka,
        nodes(**cassandra_options, **shared) as cassandra,
    ):
        yield provisioned(kafka, cassandra, Path(folder), options.partitions)


def provisioned(kafka: KafkaServers, cassandra: CassandraServers, folder: Path, partitions: int) -> dict[str, str]:
    """Make all that the pooled placement needs; what a component is told of it. Passwords go into files of `folder`."""
    user = Credentials(NAMES.kafka_user, secrets.token_hex(16))
    role = Credentials(NAMES.role, secrets.token_hex(16))
    kafka.provision(NAMES, user, partitions)
    cassandra.provision(NAMES.keyspace, role)
    files = {"kafka": user.password, "cassandra": role.password, "admin": secrets.token_hex(16)}
    for name, secret in files.items():
        (folder / f"{name}.password").write_text(secret, "utf-8")
    return variables(kafka, cassandra, user, role, folder)


def variables(
    kafka: KafkaServers, cassandra: CassandraServers, user: Credentials, role: Credentials, folder: Path
) -> dict[str, str]:
    """The settings of any component on these servers."""
    found = {
        "FOOTFALL_KAFKA_SERVERS": kafka.bootstrap,
        "FOOTFALL_KAFKA_SECURITY": kafka.protocol,
        "FOOTFALL_KAFKA_USER": user.user,
        "FOOTFALL_KAFKA_PASSWORD_FILE": str(folder / "kafka.password"),
        "FOOTFALL_CASSANDRA_HOSTS": ",".join(cassandra.hosts),
        "FOOTFALL_CASSANDRA_PORT": str(cassandra.port),
        "FOOTFALL_CASSANDRA_USER": role.user,
        "FOOTFALL_CASSANDRA_PASSWORD_FILE": str(folder / "cassandra.password"),
        "FOOTFALL_CASSANDRA_REPLICATION": str(min(3, len(cassandra.hosts))),
        "FOOTFALL_PROCESS_ADMIN_TOKEN_FILE": str(folder / "admin.password"),
    }
    if kafka.ca and cassandra.ca:
        found |= {"FOOTFALL_KAFKA_CA_FILE": str(kafka.ca), "FOOTFALL_CASSANDRA_CA_FILE": str(cassandra.ca)}
    return found


def exports(found: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "\n".join(f"export {name}={value}" for name, value in found.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make stack ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="Kafka brokers (default 1)")
    parser.add_argument("--nodes", type=int, choices=(1, 2, 3, 4), default=1, help="Cassandra nodes (default 1)")
    parser.add_argument("--tls", action="store_true", help="clients speak TLS; the authority is made for this run")
    parser.add_argument("--bind", default="127.0.0.1", help="address that Kafka's clients reach it at (this machine)")
    parser.add_argument("--san", action="append", default=[], help="one more name or address in the certificates")
    parser.add_argument("--partitions", type=int, default=6, help="of the topics that are consumed (default 6)")
    parser.add_argument("--profile", choices=("test", "load"), default="test", help="load: larger heaps, full JIT")
    parser.add_argument("--env", type=Path, help="also write the variables to this file, for `source`")
    return parser.parse_args()


def main() -> int:
    """Start, print, wait, end."""
    options = _options()
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    try:
        with stack(options) as found:
            text = exports(found)
            print(text, flush=True)
            if options.env:
                options.env.write_text(text + "\n", "utf-8")
            print("\nBoth serve. Next: footfall migrate; python -m footfall_receiver. Ctrl-C ends them.", flush=True)
            told.wait()
    except Missing as error:
        print(f"make stack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
